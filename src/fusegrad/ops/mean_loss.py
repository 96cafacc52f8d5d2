"""The (weighted) mean of a scalar function of predictions and targets.

Shapes: x, target, losses, dx, dtarget (batch, …); weight (batch,) or None, factor (batch,); y, dy ().  `losses` and
`factor` are space that the ops overwrite.  Gradients that nobody needs are None.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fusegrad.expr import Function
from fusegrad.expr.loop import COLUMN, NUMBER, loop
from fusegrad.expr.node import argument, rebuilt
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.weighting import bind_factor, bind_mean

PAIR = ("x", "target")


@lru_cache(maxsize=1024)
def forward(function: Function) -> BoundOp:
    """y = the mean over all elements of f(x, target), or over samples by weight: Σ wᵢ meanᵢ / Σ wᵢ."""
    work = loop(function.name, {"losses": function(*map(argument, PAIR))})

    def bind(evaluator: str, x: Any, target: Any, weight: Any, losses: Any, y: Any) -> Bound:
        each = bind_loop(evaluator, work, {"x": x, "target": target, "losses": losses})
        return in_turn([each, bind_mean(evaluator, losses, weight, y)])

    return BoundOp(bind)


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dx = ∂f/∂x dy / size, times the weight of the sample over the mean weight; dtarget likewise."""
    renamed = dict(zip(map(argument, function.arguments), map(argument, PAIR), strict=True))
    slopes = {
        f"d{name}": rebuilt(function.slope(own), renamed) for name, own in zip(PAIR, function.arguments, strict=True)
    }

    def bind(evaluator: str, dy: Any, x: Any, target: Any, weight: Any, factor: Any, dx: Any, dtarget: Any) -> Bound:
        arrays = {"x": x, "target": target, "dx": dx, "dtarget": dtarget}
        by_sample = {name: a if a is None else a.reshape(len(x), -1) for name, a in arrays.items()}
        scale = argument("dy") * (1 / x.size) if weight is None else argument("factor")
        assignments = {name: slope * scale for name, slope in slopes.items() if arrays[name] is not None}
        work = loop(f"{function}_backward", assignments, dy=NUMBER, factor=COLUMN)
        each = bind_loop(evaluator, work, by_sample | {"dy": dy, "factor": factor})
        return each if weight is None else in_turn([bind_factor(evaluator, weight, dy, x.size, factor), each])

    return BoundOp(bind)
