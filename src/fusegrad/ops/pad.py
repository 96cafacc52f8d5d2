"""Padding and cropping along any axes: each entry of y repeats one of x, or is a constant.

Shapes: x, dx of any shape; y, dy with `before` + `after` entries more along each axis.  `pads` are those pairs, one for
each axis; a negative number crops.  `mode` is one of `padding.MODES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import accumulate, product
from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import THREADS
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.padding import NOTHING, Run, runs, sources
from fusegrad.ops.shape import reshaped

Pads = tuple[tuple[int, int], ...]
Extents = tuple[int, ...]
Index = tuple[Any, ...]


@bound_op
def forward(evaluator: str, x: Any, y: Any, pads: Pads, mode: str, value: float) -> Bound:
    """y[…, o, …] = x[…, s, …] for the place s that o repeats along the axis, or `value`."""
    x, y, axes = seen_joined(x, y, pads, mode)
    outside = [(axis, run.places) for axis, parts in enumerate(axes) for run in parts if run.sources is None]
    fills = [partial(y[(slice(None),) * axis + (places,)].fill, value) for axis, places in outside]
    return in_turn([*fills, *(partial(np.copyto, y[at], x[source]) for at, source, _ in blocks(axes))])


@bound_op
def backward(evaluator: str, dy: Any, dx: Any, pads: Pads, mode: str) -> Bound:
    """dx[…, s, …] = Σ dy[…, o, …] over all places o that repeat s."""
    dx, dy, axes = seen_joined(dx, dy, pads, mode)
    whole = tuple(slice(0, extent) for extent in dx.shape)
    parts = sorted(blocks(axes), key=lambda block: block[1] != whole)
    first = [partial(dx.fill, 0)]
    if parts and parts[0][1] == whole and not parts[0][2]:
        first = [partial(np.copyto, dx, dy[parts.pop(0)[0]])]
    return in_turn([*first, *(partial(add_to, dx[source], dy[at], summed) for at, source, summed in parts)])


def add_to(target: Any, part: Any, summed: Extents) -> None:
    np.add(target, part.sum(axis=summed, keepdims=True) if summed else part, out=target)


def seen_joined(x: Any, y: Any, pads: Pads, mode: str) -> tuple[Any, Any, list[list[Run]]]:
    """x and y with as few axes as can be, and the runs of each."""
    extents, pads = joined(x.shape, pads)
    axes = [runs(extent, *pair, mode) for extent, pair in zip(extents, pads, strict=True)]
    return reshaped(x, extents), reshaped(y, padded(extents, pads)), axes


def blocks(axes: list[list[Run]]) -> Iterator[tuple[Index, Index, Extents]]:
    """The parts of y, one run of each axis, that repeat something: where, what, and the axes along which it is one."""
    for block in product(*([run for run in parts if run.sources is not None] for parts in axes)):
        summed = tuple(axis for axis, run in enumerate(block) if run.is_sum)
        yield tuple(run.places for run in block), tuple(run.sources for run in block), summed


@forward.cuda
def launch_forward(x: Any, y: Any, pads: Pads, mode: str, value: float) -> Bound:
    extents, pads = joined(x.shape, pads)
    run = kernel(x, "pad.cu", f"pad_forward<{c_type(x.dtype)}, {index_type(x, y)}>")
    tables = [on_device(x, table) for table in forward_tables(extents, pads, mode)]
    return run.bind((-(-y.size // THREADS),), (THREADS,), x, y, *tables, len(extents), y.size, value)


@backward.cuda
def launch_backward(dy: Any, dx: Any, pads: Pads, mode: str) -> Bound:
    extents, pads = joined(dx.shape, pads)
    run = kernel(dy, "pad.cu", f"pad_backward<{c_type(dy.dtype)}, {index_type(dy, dx)}>")
    tables = [on_device(dy, table) for table in backward_tables(extents, pads, mode)]
    return run.bind((-(-dx.size // THREADS),), (THREADS,), dy, dx, *tables, len(extents), dx.size)


def index_type(*arrays: Any) -> str:
    """In which kernels count elements: division of 64 bits takes a GPU many instructions."""
    return "unsigned" if max(array.size for array in arrays) < 2**31 else "unsigned long long"


def joined(shape: Extents, pads: Pads) -> tuple[Extents, Pads]:
    """The same axes, of which neighbours that stay as they are are one."""
    axes: list[tuple[int, tuple[int, int]]] = []
    for extent, pair in zip(shape, pads, strict=True):
        if axes and pair == axes[-1][1] == (0, 0):
            axes[-1] = axes[-1][0] * extent, pair
        else:
            axes.append((extent, pair))
    return tuple(extent for extent, _ in axes), tuple(pair for _, pair in axes)


def padded(extents: Extents, pads: Pads) -> Extents:
    return tuple(extent + sum(pair) for extent, pair in zip(extents, pads, strict=True))


def forward_tables(extents: Extents, pads: Pads, mode: str) -> tuple[list[int], list[int]]:
    """What `pad_forward` reads: (extent in y, stride in x, where the axis begins in `places`) of every axis; places."""
    axes = [repeated(extent, pair, mode) for extent, pair in zip(extents, pads, strict=True)]
    rows = zip(padded(extents, pads), strides(extents), beginnings(axes), strict=True)
    return [number for row in rows for number in row], [place for axis in axes for place in axis]


def backward_tables(extents: Extents, pads: Pads, mode: str) -> tuple[list[int], list[int], list[int]]:
    """What `pad_backward` reads: (extent in x, stride in y, where the axis begins in `starts`) of every axis; for every
    entry of x where the places begin that repeat it, one number more for each axis; those places.
    """
    starts: list[list[int]] = []
    places: list[int] = []
    for extent, pair in zip(extents, pads, strict=True):
        axis = repeated(extent, pair, mode)
        own: list[list[int]] = [[] for _ in range(extent if axis else 0)]
        for place, source in enumerate(axis):
            if source != NOTHING:
                own[source].append(place)
        starts.append([len(places) + end for end in accumulate(map(len, own), initial=0)] if own else [])
        places += [place for group in own for place in group]
    rows = zip(extents, strides(padded(extents, pads)), beginnings(starts), strict=True)
    return [number for row in rows for number in row], [start for axis in starts for start in axis], places


def repeated(extent: int, pair: tuple[int, int], mode: str) -> list[int]:
    """The places that an axis repeats; empty where each repeats itself, which needs no table."""
    return [] if pair == (0, 0) else sources(extent, *pair, mode)


def beginnings(tables: list[list[int]]) -> list[int]:
    """Where each of the tables begins behind the ones before; -1 for an empty one."""
    ends = accumulate(map(len, tables), initial=0)
    return [begin if table else -1 for begin, table in zip(ends, tables, strict=False)]


def strides(extents: Extents) -> list[int]:
    return [prod(extents[axis + 1 :]) for axis in range(len(extents))]


def on_device(x: Any, table: list[int]) -> Any:
    return namespace(x).asarray(np.array(table, "int64")) if table else None
