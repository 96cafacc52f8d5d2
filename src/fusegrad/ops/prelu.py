"""ReLU with a learnt slope below 0, one for each entry of an axis, or one for all.

Shapes: x, y, dy, dx, product (*before, channels, *after); slope, dslope (channels,), or (1,) for all.  `product` is
space that backward overwrites.  The axis is counted from 0.  Gradients that nobody needs are None.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from fusegrad.backend.cuda import namespace
from fusegrad.expr.activations import prelu
from fusegrad.expr.loop import COLUMN, NUMBER, ROW, loop
from fusegrad.expr.node import argument
from fusegrad.ops.elementwise import accumulate, copy
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.matmul import column_sums
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.reduction import total
from fusegrad.ops.shape import rows


class Slopes(NamedTuple):
    """How slopes lie over rows and columns of a loop: the layout, the array, and calls that fill it beforehand."""

    layout: str
    array: Any
    calls: list[Bound]
    shape: tuple[int, int]  # of x as rows and columns


@bound_op
def forward(evaluator: str, x: Any, slope: Any, y: Any, axis: int) -> Bound:
    """y = x above 0, slope x below."""
    slopes = spread(evaluator, x.shape, slope, axis)
    work = loop("prelu", {"y": prelu.output}, slope=slopes.layout)
    arrays = {"x": x.reshape(slopes.shape), "slope": slopes.array, "y": y.reshape(slopes.shape)}
    return in_turn([*slopes.calls, bind_loop(evaluator, work, arrays)])


@bound_op
def backward(
    evaluator: str, dy: Any, x: Any, slope: Any, product: Any, dx: Any, dslope: Any, axis: int, add_dslope: bool = False
) -> Bound:
    """dx = dy above 0, dy slope below; dslope = Σ dy x where x is below 0, over all that has the slope."""
    slopes = spread(evaluator, x.shape, slope, axis)
    arrays = {"dy": dy, "x": x, "product": product, "dx": dx}
    arrays = {name: array if array is None else array.reshape(slopes.shape) for name, array in arrays.items()}
    needed = {"dx": dx is not None and prelu.slope("x"), "product": dslope is not None and prelu.slope("slope")}
    assignments = {name: argument("dy") * slope_by for name, slope_by in needed.items() if slope_by is not False}
    work = loop("prelu_backward", assignments, slope=slopes.layout)
    calls = [*slopes.calls, bind_loop(evaluator, work, {**arrays, "slope": slopes.array})]
    if dslope is not None:
        calls.append(bind_sums(evaluator, product, dslope, axis, add_dslope))
    return in_turn(calls)


forward.in_place, backward.in_place = {"y": ("x",)}, {"dx": ("dy", "x")}


def spread(evaluator: str, shape: tuple[int, ...], slope: Any, axis: int) -> Slopes:
    """The slopes as a loop takes them: repeated for every sample where each belongs to a stretch of neighbours."""
    before, channels, after = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
    if slope.size == 1:
        return Slopes(NUMBER, slope.reshape(()), [], (before, channels * after))
    if after == 1:
        return Slopes(ROW, slope, [], (before, channels))
    repeated = namespace(slope).empty((before, channels), slope.dtype)
    call = copy.bound(evaluator, slope, repeated)
    return Slopes(COLUMN, repeated.reshape(-1), [call], (before * channels, after))


def bind_sums(evaluator: str, product: Any, dslope: Any, axis: int, add: bool) -> Bound:
    """dslope = the sums of product over all axes but the one, or += them; over all where there is one slope."""
    if dslope.size > 1 and axis == product.ndim - 1:
        return column_sums.bound(evaluator, rows(product), dslope, add)
    others = tuple(number for number in range(product.ndim) if number != axis or dslope.size == 1)
    if not add:
        return total.bound(evaluator, product, dslope, others, 1.0)
    sums = namespace(dslope).empty(dslope.shape, dslope.dtype)
    return in_turn([total.bound(evaluator, product, sums, others, 1.0), accumulate.bound(evaluator, sums, dslope)])
