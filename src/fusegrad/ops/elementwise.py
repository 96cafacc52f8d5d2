"""Fill, copy, convert and accumulate: x, y of any one shape; of one dtype, but for conversions; a is 0-d."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.expr.loop import NUMBER, loop
from fusegrad.expr.node import argument, as_expr
from fusegrad.ops.loops import bind_loop, launch_broadcast
from fusegrad.ops.memory import one_memory
from fusegrad.ops.op import Bound, bound_op, in_turn, op

COPYING = loop("copy", {"y": argument("x")})
ACCUMULATING = loop("accumulate", {"y": argument("y") + argument("x")})
CASTING = loop("cast", {"y": argument("x")})
CASTING_BACK = loop("cast_backward", {"dx": argument("dy")})
ADDING_BACK = loop("cast_backward", {"dx": argument("dx") + argument("dy")})
AXPY = loop("axpy", {"y": argument("y") + argument("a") * argument("x")}, a=NUMBER)


@op
def fill(x: Any, number: float) -> None:
    """x = number."""
    x.fill(number)


@bound_op
def copy(evaluator: str, x: Any, y: Any) -> Bound:
    """y = x."""
    return in_turn([]) if one_memory(x, y) else partial(np.copyto, y, x, "unsafe")


copy.copies = {"y": ("x",)}


@op
def accumulate(x: Any, y: Any) -> None:
    """y += x."""
    np.add(y, x, out=y)


@bound_op
def axpy(evaluator: str, a: Any, x: Any, y: Any) -> Bound:
    """y += a x, for contiguous floating-point arrays."""
    return bind_loop(evaluator, AXPY, {"a": a, "x": x, "y": y})


@bound_op
def cast(evaluator: str, x: Any, y: Any) -> Bound:
    """y = x, rounded to the dtype of y: each of float64, float32, float16 or bfloat16; what is too large gives inf."""
    return partial(np.copyto, y, x, "unsafe")


@bound_op
def cast_backward(evaluator: str, dy: Any, dx: Any, add_dx: bool = False) -> Bound:
    """dx = dy, rounded to the dtype of dx, or dx + dy, which half types add in float32 and round once."""
    if not add_dx:
        return partial(np.copyto, dx, dy, "unsafe")
    wide = "float64" if "float64" in (dy.dtype, dx.dtype) else "float32"
    return partial(np.add, dx, dy, out=dx, dtype=wide, casting="unsafe")


@fill.cuda
def launch_fill(x: Any, number: float) -> Bound:
    filling = loop("fill", {"x": as_expr(number)})  # a text for each number, of which few occur
    return launch_broadcast(filling, {"x": x})


@copy.cuda
def launch_copy(x: Any, y: Any) -> Bound:
    return in_turn([]) if one_memory(x, y) else launch_broadcast(COPYING, {"x": x, "y": y})


@accumulate.cuda
def launch_accumulate(x: Any, y: Any) -> Bound:
    return launch_broadcast(ACCUMULATING, {"x": x, "y": y})


@cast.cuda
def launch_cast(x: Any, y: Any) -> Bound:
    return launch_broadcast(CASTING, {"x": x, "y": y})


@cast_backward.cuda
def launch_cast_backward(dy: Any, dx: Any, add_dx: bool = False) -> Bound:
    return launch_broadcast(ADDING_BACK if add_dx else CASTING_BACK, {"dy": dy, "dx": dx})
