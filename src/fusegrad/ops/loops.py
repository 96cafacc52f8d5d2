"""Loops over elements as ops: scalar functions and their gradients, applied to arrays.

Shapes: every argument of the function, y, dy and every d<argument> of one shape, in C order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from fusegrad.expr import Expr, Function
from fusegrad.expr.loop import NUMBER, Loop, loop
from fusegrad.expr.node import argument, topological
from fusegrad.expr.numba_loop import bind_numba
from fusegrad.expr.numpy_loop import bind_numpy
from fusegrad.ops.op import Bound, BoundOp, Flops, in_turn, one_per_element

Arrays = Mapping[str, Any]


def bind_loop(evaluator: str, work: Loop, arrays: Arrays) -> Bound:
    """The loop over these arrays, by the evaluator, or by NumPy where that does not compute their dtype."""
    target = arrays[work.assignments[0][0]]
    if evaluator == "cuda":
        from fusegrad.ops.loop_kernels import bind_kernel  # here, since a CPU does not need it

        return bind_kernel(work, arrays)
    return (bind_numba if evaluator == "numba" and target.dtype == "float32" else bind_numpy)(work, arrays)


def launch_broadcast(work: Loop, arrays: Arrays) -> Bound:
    """The loop on a GPU, over arrays of any strides whose shapes broadcast to that of its targets."""
    from fusegrad.ops.loop_kernels import bind_broadcast

    return bind_broadcast(work, arrays)


@lru_cache(maxsize=1024)
def forward(function: Function) -> BoundOp:
    """y = f(…), named by the arguments of the function and y."""
    work = loop(function.name, {"y": function.output})

    def bind(evaluator: str, **arrays: Any) -> Bound:
        return bind_loop(evaluator, work, arrays)

    return BoundOp(bind, (*function.arguments, "y"), flops_of([function.output]), (work,))


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """d<argument> = dy ∂f/∂argument for every argument, or += where `add_d<argument>`; None where nobody needs it.

    Named by dy, what the derivatives are made of (see `Function.kept_slopes`), the gradients, and whether to add.
    """
    slopes = dict(zip(function.arguments, function.kept_slopes, strict=True))
    grads = [f"d{name}" for name in slopes]
    whole = loop(f"{function.name}_backward", {f"d{name}": argument("dy") * slope for name, slope in slopes.items()})

    def bind(evaluator: str, **arrays: Any) -> Bound:
        assignments = gradients(slopes, argument("dy"), arrays)
        return bind_loop(evaluator, loop(whole.name, assignments), arrays)

    names = ("dy", *kept(function), *grads, *(f"add_{grad}" for grad in grads))
    return BoundOp(bind, names, flops_of(whole.roots), (whole,))


@lru_cache(maxsize=1024)
def update(function: Function, targets: tuple[str, ...], copies: tuple[tuple[str, str], ...] = ()) -> BoundOp:
    """The outputs of the function overwrite the arrays `targets`; arguments are flat arrays, scalars 0-d ones.

    `copies` names further arrays, the last parameters, each with the target whose new value it gets, rounded to its own
    dtype: (("half", "value"),).
    """
    assignments = dict(zip(targets, function.outputs, strict=True))
    numbers = dict.fromkeys(function.scalars, NUMBER)
    work = loop(function.name, assignments, **numbers)
    in_one = loop(function.name, assignments | {copy: assignments[target] for copy, target in copies}, **numbers)

    def bind(evaluator: str, **arrays: Any) -> Bound:
        if evaluator == "cuda":
            return bind_loop(evaluator, in_one, arrays)
        casts = [partial(np.copyto, arrays[copy], arrays[target], "unsafe") for copy, target in copies]
        return in_turn([bind_loop(evaluator, work, arrays), *casts])  # of types that the loop does not compute

    names = (*function.arguments, *function.scalars, *(copy for copy, _ in copies))
    return BoundOp(bind, names, flops_of(function.outputs), (in_one,))


def flops_of(expressions: Sequence[Expr]) -> Flops:
    """One floating-point operation for every node, functions such as exp counting as one, for every element."""
    each = operations(expressions)
    return lambda *arrays: each * one_per_element(*arrays)


def operations(expressions: Sequence[Expr]) -> int:
    return sum(bool(node.args) and node.op != "named" for node in topological(expressions))


def kept(function: Function) -> list[str]:
    """The arrays that the derivatives of a function are computed from: its arguments, or "y"."""
    reads = [node.value for node in topological(function.kept_slopes) if node.op == "argument"]
    return [name for name in (*function.arguments, "y") if name in reads]


def gradients(slopes: Mapping[str, Expr], dy: Expr, arrays: Arrays) -> dict[str, Expr]:
    """What is to be assigned to each gradient that is needed."""
    assignments = {}
    for name, slope in slopes.items():
        grad = f"d{name}"
        if arrays[grad] is not None:
            part = dy * slope
            assignments[grad] = argument(grad) + part if arrays[f"add_{grad}"] else part
    return assignments
