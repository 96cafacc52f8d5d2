"""Fill, copy and accumulate: x, y of any one shape and dtype; a is 0-d."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.expr.loop import NUMBER, loop
from fusegrad.expr.node import argument, as_expr
from fusegrad.ops.loops import bind_loop, launch_broadcast
from fusegrad.ops.op import Bound, bound_op, op

COPYING = loop("copy", {"y": argument("x")})
ACCUMULATING = loop("accumulate", {"y": argument("y") + argument("x")})
AXPY = loop("axpy", {"y": argument("y") + argument("a") * argument("x")}, a=NUMBER)


@op
def fill(x: Any, number: float) -> None:
    """x = number."""
    x.fill(number)


@op
def copy(x: Any, y: Any) -> None:
    """y = x."""
    y[...] = x


@op
def accumulate(x: Any, y: Any) -> None:
    """y += x."""
    np.add(y, x, out=y)


@bound_op
def axpy(evaluator: str, a: Any, x: Any, y: Any) -> Bound:
    """y += a x, for contiguous floating-point arrays."""
    return bind_loop(evaluator, AXPY, {"a": a, "x": x, "y": y})


@fill.cuda
def launch_fill(x: Any, number: float) -> Bound:
    filling = loop("fill", {"x": as_expr(number)})  # a text for each number, of which few occur
    return launch_broadcast(filling, {"x": x})


@copy.cuda
def launch_copy(x: Any, y: Any) -> Bound:
    return launch_broadcast(COPYING, {"x": x, "y": y})


@accumulate.cuda
def launch_accumulate(x: Any, y: Any) -> Bound:
    return launch_broadcast(ACCUMULATING, {"x": x, "y": y})
