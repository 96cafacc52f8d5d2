"""Loops over elements as ops: scalar functions and their gradients, applied to arrays.

Shapes: every argument of the function, y, dy and every d<argument> of one shape, in C order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from fusegrad.expr import Expr, Function
from fusegrad.expr.loop import FULL, NUMBER, Loop, loop
from fusegrad.expr.node import argument, rebuilt, topological
from fusegrad.expr.numba_loop import bind_numba
from fusegrad.expr.numpy_loop import bind_numpy
from fusegrad.ops.memory import one_memory
from fusegrad.ops.op import Bound, BoundOp, Flops, in_turn, one_per_element

Arrays = Mapping[str, Any]


def bind_loop(evaluator: str, work: Loop, arrays: Arrays) -> Bound:
    """The loop over these arrays, by the evaluator, or by NumPy where that does not compute their dtype.

    A target may be the memory of what is read; one that is to become what it is already is left out.
    """
    work = without_what_is_there(work, arrays)
    if not work.assignments:
        return in_turn([])
    target = arrays[work.assignments[0][0]]
    if evaluator == "cuda":
        from fusegrad.ops.loop_kernels import bind_kernel  # here, since a CPU does not need it

        return bind_kernel(work, arrays)
    compiled = evaluator == "numba" and target.dtype == "float32"
    return (bind_numba if compiled else bind_numpy)(under_names_of_targets(work, arrays), arrays)


def without_what_is_there(work: Loop, arrays: Arrays) -> Loop:
    def is_there(target: str, root: Expr) -> bool:
        return root.op == "argument" and root.value != target and one_memory(arrays[root.value], arrays[target])

    needed = tuple(pair for pair in work.assignments if not is_there(*pair))
    return work if len(needed) == len(work.assignments) else replace(work, assignments=needed)


def under_names_of_targets(work: Loop, arrays: Arrays) -> Loop:
    """The same loop, in which what is read in the memory of a target is called like the target.

    From the names evaluators see what they may overwrite before the end.
    """
    targets = [target for target, _ in work.assignments]
    known = {
        argument(name): argument(target)
        for name in work.names()
        for target in targets
        if name not in targets and work.layout(name) == FULL and one_memory(arrays[name], arrays[target])
    }
    if not known:
        return work
    return replace(work, assignments=tuple((target, rebuilt(root, dict(known))) for target, root in work.assignments))


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

    op = BoundOp(bind, (*function.arguments, "y"), flops_of([function.output]), (work,))
    op.in_place = {"y": function.arguments}
    op.copies = {"y": (function.output.value,)} if function.output.op == "argument" else {}
    return op


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
    op = BoundOp(bind, names, flops_of(whole.roots), (whole,))
    op.in_place = dict.fromkeys(grads, ("dy", *kept(function)))
    op.copies = copies_of(dict(whole.assignments))
    return op


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


def copies_of(assignments: Mapping[str, Expr]) -> dict[str, tuple[str, ...]]:
    """The targets that become what dy or a target before them is, such as both gradients of a sum."""
    equal: dict[Expr, tuple[str, ...]] = {argument("dy"): ("dy",)}
    copies = {}
    for target, root in assignments.items():
        if root in equal:
            copies[target] = equal[root]
        equal[root] = (*equal.get(root, ()), target)
    return copies


def gradients(slopes: Mapping[str, Expr], dy: Expr, arrays: Arrays) -> dict[str, Expr]:
    """What is to be assigned to each gradient that is needed; equal ones in one memory are written once."""
    assignments: dict[str, Expr] = {}
    for name, slope in slopes.items():
        grad = f"d{name}"
        if arrays[grad] is not None:
            part = dy * slope
            adds = arrays[f"add_{grad}"]
            twins = [twin for twin, root in assignments.items() if root is part and not adds]
            if not any(one_memory(arrays[twin], arrays[grad]) for twin in twins):
                assignments[grad] = argument(grad) + part if adds else part
    return assignments
