"""ReLU with a learnt slope below 0.

Shapes: x, y, dy, dx, product (…, width); slope, dslope (width,).  `product` is space that backward overwrites.
Gradients that nobody needs are None.
"""

from __future__ import annotations

from typing import Any

from fusegrad.expr.activations import prelu
from fusegrad.expr.loop import ROW, loop
from fusegrad.expr.node import argument
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.matmul import column_sums
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.shape import rows


@bound_op
def forward(evaluator: str, x: Any, slope: Any, y: Any) -> Bound:
    """y = x above 0, slope x below."""
    return bind_loop(evaluator, loop("prelu", {"y": prelu.output}, slope=ROW), {"x": x, "slope": slope, "y": y})


@bound_op
def backward(
    evaluator: str, dy: Any, x: Any, slope: Any, product: Any, dx: Any, dslope: Any, add_dslope: bool = False
) -> Bound:
    """dx = dy above 0, dy slope below; dslope = Σ dy x over rows where x is below 0."""
    arrays = {"dy": dy, "x": x, "slope": slope, "product": product, "dx": dx}
    needed = {"dx": dx is not None and prelu.slope("x"), "product": dslope is not None and prelu.slope("slope")}
    assignments = {name: argument("dy") * slope_by for name, slope_by in needed.items() if slope_by is not False}
    calls = [bind_loop(evaluator, loop("prelu_backward", assignments, slope=ROW), arrays)]
    if dslope is not None:
        calls.append(column_sums.bound(evaluator, rows(product), dslope, add_dslope))
    return in_turn(calls)
