"""Scalar functions of arrays that are broadcast; gradients are summed over the axes along which they were.

Shapes: y, dy the broadcast shape of the arguments of the function; each d<argument>, or None where nobody needs it,
that of the argument.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from fusegrad.expr import Function
from fusegrad.expr.functions import combined
from fusegrad.expr.loop import loop
from fusegrad.expr.node import argument
from fusegrad.ops import loops
from fusegrad.ops.loops import flops_of, launch_broadcast
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.spreading import bind_put


@lru_cache(maxsize=1024)
def forward(function: Function) -> BoundOp:
    """y = f(…), named by the arguments of the function and y."""
    work = loop(function.name, {"y": function.output})

    def bind(evaluator: str, y: Any, **arrays: Any) -> Bound:
        if are_equal(y, *arrays.values()):
            return loops.forward(function).bound(evaluator, y=y, **arrays)
        if evaluator == "cuda":
            return launch_broadcast(work, {"y": y, **arrays})
        whole = [np.broadcast_to(arrays[name], y.shape) for name in function.arguments]
        return in_turn(bind_put(evaluator, y, function, whole))

    return BoundOp(bind, (*function.arguments, "y"), flops_of([function.output]), (work,))


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """d<argument> = dy ∂f/∂argument for every argument, or += where `add_d<argument>`."""
    names = function.arguments
    grads = [f"d{name}" for name in names]
    adds = [f"add_{grad}" for grad in grads]
    parts = [combined(f"{function}_by_{name}", ("dy", *names), argument("dy") * function.slope(name)) for name in names]

    def bind(evaluator: str, dy: Any, **arrays: Any) -> Bound:
        known = [dy, *(arrays[name] for name in names)]
        if are_equal(*known) and "y" not in loops.kept(function):
            wanted = {*loops.kept(function), *grads, *adds}
            own = {name: array for name, array in arrays.items() if name in wanted}
            return loops.backward(function).bound(evaluator, dy=dy, **own)
        calls = []
        for name, part in zip(names, parts, strict=True):
            calls += bind_put(evaluator, arrays[f"d{name}"], part, known, arrays[f"add_d{name}"])
        return in_turn(calls)

    return BoundOp(bind, ("dy", *names, *grads, *adds), flops_of([part.output for part in parts]))


def are_equal(*arrays: Any) -> bool:
    """Whether all arrays are of one shape, so that a loop over elements will do."""
    return all(array.shape == arrays[0].shape for array in arrays)
