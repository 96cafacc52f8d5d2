"""Sums over axes and what is made of them, and the largest and smallest of an axis."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from fusegrad import expr
from fusegrad.expr import Function, function
from fusegrad.ops import arithmetic, global_pool, reduction
from fusegrad.ops.elementwise import copy
from fusegrad.ops.shape import take
from onnx_suite.elementwise import combined, plus
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator
from onnx_suite.shaping import axes_of

Reduced = Callable[[Machine, Any, tuple[int, ...]], Any]
ABSOLUTE = function(lambda x: expr.abs(x), name="abs")
SQUARE = function(lambda x: x * x, name="square")
EXPONENTIAL = function(lambda x: expr.exp(x), name="exp")
NEGATIVE = function(lambda x: -x, name="neg")
LOGARITHM = function(lambda x: expr.log(x), name="log")
ROOT = function(lambda x: expr.sqrt(x), name="sqrt")

SUMS: dict[str, tuple[Function | None, Function | None]] = {  # of which function, and what is made of the sum
    "ReduceL1": (ABSOLUTE, None),
    "ReduceL2": (SQUARE, ROOT),
    "ReduceLogSum": (None, LOGARITHM),
    "ReduceMean": (None, None),
    "ReduceSum": (None, None),
    "ReduceSumSquare": (SQUARE, None),
}


def enter(name: str, reduced: Reduced) -> None:
    @operator(name)
    def run(m: Machine, node: Node, x: Any, axes: Any = None) -> Any:
        """Over the axes, or all where none are named and that does not mean to leave x as it is."""
        over = tuple(axes_of(m, node, axes, max(1, x.ndim)))
        if not over and node.get("noop_with_empty_axes"):
            return x
        over = over or tuple(range(x.ndim))
        keep = node.get("keepdims", 1)
        shape = [1 if axis in over else extent for axis, extent in enumerate(x.shape) if keep or axis not in over]
        return reduced(m, x, over).reshape(shape)


def summed(m: Machine, x: Any, over: tuple[int, ...], scale: float = 1.0) -> Any:
    return m.made(reduction.total, x, shape=reduction.kept(x.shape, over), axis=over, scale=scale)


def summing(name: str, of_x: Function | None, of_sum: Function | None) -> Reduced:
    def reduced(m: Machine, x: Any, over: tuple[int, ...]) -> Any:
        scale = 1 / prod(x.shape[axis] for axis in over) if name == "ReduceMean" else 1.0
        total = summed(m, x if of_x is None else m.applied(of_x, x), over, scale)
        return total if of_sum is None else m.applied(of_sum, total)

    return reduced


def rows_along(m: Machine, x: Any, over: tuple[int, ...], first: bool) -> Any:
    """x as a matrix of what is reduced by what is kept; or the other way round."""
    kept = [axis for axis in range(x.ndim) if axis not in over]
    length = prod(x.shape[axis] for axis in over)
    width = prod(x.shape[axis] for axis in kept)
    turned = m.transposed(x, [*over, *kept] if first else [*kept, *over])
    return turned.reshape((length, width) if first else (width, length))


def largest(m: Machine, x: Any, over: tuple[int, ...]) -> Any:
    rows = rows_along(m, x, over, first=False)
    if not rows.shape[1]:
        return of_nothing(m, rows, float("-inf"))
    return m.made(global_pool.predict_largest, rows.reshape(1, *rows.shape), shape=(1, len(rows)))


def smallest(m: Machine, x: Any, over: tuple[int, ...]) -> Any:
    """Truths are turned on the host, as they have no negative."""
    if not prod(x.shape[axis] for axis in over):
        return of_nothing(m, rows_along(m, x, over, first=False), float("inf"))
    if x.dtype == "bool":
        return m.array(~m.host(largest(m, m.array(~m.host(x)), over)))
    return m.applied(NEGATIVE, largest(m, m.applied(NEGATIVE, x), over))


def product(m: Machine, x: Any, over: tuple[int, ...]) -> Any:
    """Halves of all elements times each other until one is left."""
    rows = rows_along(m, x, over, first=True)
    if not len(rows):
        return of_nothing(m, rows.T, 1.0)
    while len(rows) > 1:
        half = len(rows) // 2
        y = m.empty((len(rows) - half, rows.shape[1]), x.dtype)
        m.run(arithmetic.multiply, rows[:half], rows[len(y) :], y[:half])
        m.run(copy, rows[half : len(y)], y[half:])
        rows = y
    return rows


def of_nothing(m: Machine, rows: Any, number: float) -> Any:
    """The number for each of rows without elements; of truths, whether it is above 0."""
    return m.filled((len(rows),), number > 0 if rows.dtype == "bool" else number, rows.dtype)


def logarithm_of_exponentials(m: Machine, x: Any, over: tuple[int, ...]) -> Any:
    """peak + log Σ exp(x - peak)."""
    peak = largest(m, x, over).reshape(reduction.kept(x.shape, over))
    total = summed(m, m.applied(EXPONENTIAL, combined(m, arithmetic.subtract, x, peak)), over)
    return plus(m, m.applied(LOGARITHM, total), peak)


@operator("ArgMax")
def place_of_largest(m: Machine, node: Node, x: Any) -> Any:
    return place(m, node, x)


@operator("ArgMin")
def place_of_smallest(m: Machine, node: Node, x: Any) -> Any:
    return place(m, node, m.applied(NEGATIVE, x))


def place(m: Machine, node: Node, x: Any) -> Any:
    """Where the largest of an axis is, the first of several or the last."""
    axis = node.get("axis", 0) % x.ndim
    rows = m.with_axis(x, axis, -1).reshape(1, -1, x.shape[axis])
    last = bool(node.get("select_last_index"))
    if last:
        rows = m.made(take, rows, index=(slice(None), slice(None), slice(None, None, -1)))
    y, places = m.empty(rows.shape[:2], x.dtype), m.empty(rows.shape[:2], "int64")
    m.run(global_pool.largest, rows, y, places)
    found = m.host(places).reshape([extent for number, extent in enumerate(x.shape) if number != axis])
    found = x.shape[axis] - 1 - found if last else found
    return m.array(np.expand_dims(found, axis) if node.get("keepdims", 1) else found)


for title, parts in SUMS.items():
    enter(title, summing(title, *parts))
enter("ReduceMax", largest)
enter("ReduceMin", smallest)
enter("ReduceProd", product)
enter("ReduceLogSumExp", logarithm_of_exponentials)
