"""Axes in another order: y = x.transpose(axes), for C-contiguous arrays of any rank and dtype."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import elements_at_once, rows_by_columns
from fusegrad.ops.op import Bound, bound_op, in_turn, op

TILE, TILE_ROWS = 32, 8  # as kernels/transpose.cu has them


class Axis(NamedTuple):
    """An axis, with the distance of neighbours along it in x and in y."""

    extent: int
    x_stride: int
    y_stride: int


@op
def transpose(x: Any, y: Any, axes: tuple[int, ...]) -> None:
    """y = x with axis axes[i] in place i."""
    y[...] = x.transpose(axes)


@bound_op
def transpose_backward(evaluator: str, dy: Any, dx: Any, axes: tuple[int, ...]) -> Bound:
    """dx = dy with axis i in place axes[i]."""
    return transpose.bound(evaluator, dy, dx, tuple(sorted(range(len(axes)), key=lambda place: axes[place])))


@transpose.cuda
def launch(x: Any, y: Any, axes: tuple[int, ...]) -> Bound:
    if x.size == 0:
        return in_turn([])
    *outer, last = joined(x.shape, axes)
    return launch_rows(x, y, outer, last) if last.x_stride == 1 else launch_tiles(x, y, outer, last)


def launch_rows(x: Any, y: Any, outer: list[Axis], last: Axis) -> Bound:
    """The last axis stays the last one: its rows are copied."""
    at_once = elements_at_once(last.extent, x, y)
    run = kernel(x, "transpose.cu", f"transpose_rows<{c_type(x.dtype)}, {at_once}>")
    count = prod(axis.extent for axis in outer)
    share = rows_by_columns(count, last.extent // at_once)
    return run.bind(*share, x, y, table(x, outer), len(outer), count, last.extent)


def launch_tiles(x: Any, y: Any, outer: list[Axis], last: Axis) -> Bound:
    """Another axis becomes the last one: a stack of matrices is transposed, of that axis and the last one of x."""
    (columns,) = (axis for axis in outer if axis.x_stride == 1)
    outer = [axis for axis in outer if axis is not columns]
    run = kernel(x, "transpose.cu", f"transpose_tiles<{c_type(x.dtype)}>")
    tiles = prod(-(-axis.extent // TILE) for axis in (last, columns))
    grid = (tiles * prod(axis.extent for axis in outer),)
    extents, strides = (last.extent, columns.extent), (last.x_stride, columns.y_stride)
    return run.bind(grid, (TILE, TILE_ROWS), x, y, table(x, outer), len(outer), *extents, *strides)


def joined(shape: Sequence[int], axes: Sequence[int]) -> list[Axis]:
    """The axes in the order of y; those are joined that lie next to each other in both arrays."""
    result: list[Axis] = []
    for axis in ordered(shape, axes):
        if result and result[-1].x_stride == axis.extent * axis.x_stride:
            axis = axis._replace(extent=axis.extent * result.pop().extent)
        result.append(axis)
    return result or [Axis(1, 1, 1)]


def ordered(shape: Sequence[int], axes: Sequence[int]) -> list[Axis]:
    result, y_stride = [], 1
    for axis in reversed(axes):
        result.append(Axis(shape[axis], prod(shape[axis % len(shape) + 1 :]), y_stride))
        y_stride *= shape[axis]
    return [axis for axis in reversed(result) if axis.extent > 1]


def table(x: Any, outer: list[Axis]) -> Any:
    """The axes as the kernels read them, on the device; None where there are none."""
    return namespace(x).asarray(np.array(outer, "int64")) if outer else None
