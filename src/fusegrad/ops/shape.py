"""Moving elements about: slices and concatenation, any shapes that fit."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from fusegrad.ops.op import op

Index = tuple[Any, ...]


@op
def take(x: Any, y: Any, *, index: Index) -> None:
    """y = x[index], for an index of slices and integers."""
    y[...] = x[index]


@op
def take_backward(dy: Any, dx: Any, *, index: Index, add_dx: bool) -> None:
    """dx[index] = dy and 0 elsewhere; or dx[index] += dy."""
    if add_dx:
        dx[index] += dy
    else:
        dx.fill(0)
        dx[index] = dy


@op
def concat(y: Any, *, parts: tuple[Any, ...], extents: tuple[int, ...], axis: int) -> None:
    """y = the parts, of the given extents, one after the other along `axis`."""
    for part, stretch in zip(parts, stretches(y, extents, axis), strict=True):
        stretch[...] = part


@op
def split(y: Any, *, parts: tuple[Any, ...], extents: tuple[int, ...], axis: int) -> None:
    """The parts (or None) = the stretches of y of the given extents along `axis`."""
    for part, stretch in zip(parts, stretches(y, extents, axis), strict=True):
        if part is not None:
            part[...] = stretch


def stretches(y: Any, extents: tuple[int, ...], axis: int) -> list[Any]:
    ends = list(accumulate(extents))
    before = (slice(None),) * axis
    return [y[(*before, slice(end - extent, end))] for end, extent in zip(ends, extents, strict=True)]


def rows(array: Any) -> Any:
    """(…, width) seen as (rows, width); passes through what is two-dimensional already, and None."""
    return array if array is None or array.ndim == 2 else array.reshape(-1, array.shape[-1])
