"""Where windows and planes meet: one place of the window at a time, as slices of both; and planes some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fusegrad.ops.grids import THREADS, rows_by_columns
from fusegrad.ops.window import Extents, Window

PIECE_BYTES = 1 << 18  # what one pass works on at a time, so that the next finds it in a cache
MOST = 2**31 - 1
Slices = tuple[Any, ...]


class Overlap(NamedTuple):
    """A place of a window, counted in C order, the windows in which it lies on the plane, and what it meets in them."""

    tap: int
    windows: Slices
    elements: Slices


def overlaps(window: Window, extents: Extents, places: Extents) -> list[Overlap]:
    """The places of a window in C order, as indices of arrays (planes, …), without those that meet nothing."""
    each = [list(along(window, axis, extents[axis], places[axis])) for axis in range(window.rank)]
    result = []
    for met in product(*each):
        tap = 0
        for (k, _, _), size in zip(met, window.kernel, strict=True):
            tap = tap * size + k
        windows, elements = tuple(part[1] for part in met), tuple(part[2] for part in met)
        result.append(Overlap(tap, (slice(None), *windows), (slice(None), *elements)))
    return result


def along(window: Window, axis: int, extent: int, places: int) -> Iterator[tuple[int, slice, slice]]:
    """For one axis: each place of the window, the windows in which it lies on the plane, and what it meets in them."""
    stride, (before, _) = window.stride[axis], window.padding[axis]
    for k in range(window.kernel[axis]):
        offset = k * window.dilation[axis] - before
        first, stop = max(0, -(offset // stride)), min(places, (extent - 1 - offset) // stride + 1)
        if first < stop:
            start = first * stride + offset
            yield k, slice(first, stop), slice(start, start + (stop - first - 1) * stride + 1, stride)


def starts(window: Window, extents: Extents, places: Extents) -> Any:
    """Where each window begins in a plane, counted in C order, and in padding as if the plane went on; int64."""
    axes = zip(places, window.stride, window.padding, strict=True)
    return combined([np.arange(count) * stride - before for count, stride, (before, _) in axes], extents)


def offsets(window: Window, extents: Extents) -> Any:
    """How far each place of a window, in C order, is from the first one; int64 of one axis."""
    axes = zip(window.kernel, window.dilation, strict=True)
    return combined([np.arange(size) * dilation for size, dilation in axes], extents).reshape(-1)


def combined(of_axes: list[Any], extents: Extents) -> Any:
    """The places in a plane of all combinations of places along its axes."""
    steps = [prod(extents[axis + 1 :]) for axis in range(len(extents))]
    each = np.ix_(*(of_axis.astype("int64") * step for of_axis, step in zip(of_axes, steps, strict=True)))
    return sum(each[1:], each[0])


def planes(array: Any) -> Any:
    """(batch, channels, …) seen as (planes, …); passes None through."""
    return None if array is None else array.reshape(prod(array.shape[:2]), *array.shape[2:])


def flat(array: Any) -> Any:
    """(batch, channels, …) seen as (planes, elements)."""
    return array.reshape(prod(array.shape[:2]), prod(array.shape[2:]))


def volumes(array: Any) -> Any:
    """(batch, channels, …) with one to three axes seen as (planes, depth, height, width); passes None through."""
    if array is None:
        return None
    return array.reshape(prod(array.shape[:2]), *(1,) * (5 - array.ndim), *array.shape[2:])


def pieces(x: Any) -> list[slice]:
    """The planes x some at a time; none of an array without elements."""
    if x.size == 0:
        return []
    step = max(1, PIECE_BYTES // (x[0].size * x.itemsize))
    return [slice(start, start + step) for start in range(0, len(x), step)]


def plane_share(source: Any, target: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Grid and block: threads that have an element of a target (batch, channels, …) each, planes by rows of threads.

    ValueError where a plane has more elements than kernels count.
    """
    for array in (source, target):
        if prod(array.shape[2:]) > MOST:
            raise ValueError(f"kernels expect planes of at most {MOST} elements, got shape {array.shape}")
    return rows_by_columns(prod(target.shape[:2]), prod(target.shape[2:]), THREADS)
