"""Gated units: a function of two arguments, of both halves of an axis.

Shapes: x, dx (*before, 2 n, *after), y, dy (*before, n, *after); the axis is counted from 0.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from fusegrad.expr import Function
from fusegrad.expr.loop import ROWS, loop
from fusegrad.expr.node import argument
from fusegrad.ops.loops import bind_loop, flops_of
from fusegrad.ops.op import Bound, BoundOp


@lru_cache(maxsize=1024)
def forward(function: Function) -> BoundOp:
    """y = f(first half of x, second half); named x, y, axis."""
    work = loop(f"gated_{function}", {"y": function(argument("a"), argument("b"))}, a=ROWS, b=ROWS)

    def bind(evaluator: str, x: Any, y: Any, axis: int) -> Bound:
        a, b = halves(x, axis)
        return bind_loop(evaluator, work, {"a": a, "b": b, "y": y.reshape(a.shape)})

    return BoundOp(bind, ("x", "y", "axis"), flops_of(work.roots), (work,))


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dx = dy ∂f/∂a in its first half, dy ∂f/∂b in the second, or += that; named dy, x, dx, axis, add_dx."""
    writing, adding = (backward_loop(function, add) for add in (False, True))

    def bind(evaluator: str, dy: Any, x: Any, dx: Any, axis: int, add_dx: bool) -> Bound:
        (a, b), (da, db) = halves(x, axis), halves(dx, axis)
        arrays = {"dy": dy.reshape(a.shape), "a": a, "b": b, "da": da, "db": db}
        return bind_loop(evaluator, adding if add_dx else writing, arrays)

    return BoundOp(bind, ("dy", "x", "dx", "axis", "add_dx"), flops_of(writing.roots), (writing,))


def backward_loop(function: Function, add: bool) -> Any:
    renamed = function.renamed("a", "b")
    parts = {f"d{name}": argument("dy") * renamed.slope(name) for name in renamed.arguments}
    sums = {grad: argument(grad) + part if add else part for grad, part in parts.items()}
    return loop(f"gated_{function}_backward", sums, a=ROWS, b=ROWS, da=ROWS, db=ROWS)


def halves(x: Any, axis: int) -> tuple[Any, Any]:
    """Both halves of an axis, each as rows (*before) of neighbours (n, *after), which lie a row of the other apart."""
    pairs = x.reshape(prod(x.shape[:axis]), 2, prod(x.shape[axis:]) // 2)
    return pairs[:, 0], pairs[:, 1]
