"""Arithmetic with NumPy's broadcasting; gradients are summed over the axes that were broadcast.

Shapes: y, dy the broadcast shape of a and b; da, db (or None, where nobody needs them) those of a and b.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.expr.loop import loop
from fusegrad.expr.node import argument
from fusegrad.ops.loops import launch_broadcast
from fusegrad.ops.op import Bound, bound_op, in_turn, op
from fusegrad.ops.spreading import bind_put, same


@op
def add(a: Any, b: Any, y: Any) -> None:
    np.add(a, b, out=y)


@op
def subtract(a: Any, b: Any, y: Any) -> None:
    np.subtract(a, b, out=y)


@op
def multiply(a: Any, b: Any, y: Any) -> None:
    np.multiply(a, b, out=y)


@op
def divide(a: Any, b: Any, y: Any) -> None:
    np.divide(a, b, out=y)


def by_kernel(operation: np.ufunc) -> Any:
    """How a GPU computes y = operation(a, b)."""
    work = loop(operation.__name__, {"y": operation(argument("a"), argument("b"))})
    return lambda a, b, y: launch_broadcast(work, {"a": a, "b": b, "y": y})


add.cuda(by_kernel(np.add))
subtract.cuda(by_kernel(np.subtract))
multiply.cuda(by_kernel(np.multiply))
divide.cuda(by_kernel(np.divide))

for operation in (add, subtract, multiply, divide):
    operation.in_place = {"y": ("a", "b")}


# What the gradients are before they are summed: formulas of arrays, and of expressions.


def negated(dy: Any) -> Any:
    return -dy


def product(dy: Any, factor: Any) -> Any:
    return dy * factor


def quotient(dy: Any, b: Any) -> Any:
    return dy / b


def by_divisor(dy: Any, b: Any, y: Any) -> Any:
    return dy * y / -b


@bound_op
def add_backward(evaluator: str, dy: Any, da: Any, db: Any, add_da: bool = False, add_db: bool = False) -> Bound:
    return in_turn([*bind_put(evaluator, da, same, [dy], add_da), *bind_put(evaluator, db, same, [dy], add_db)])


@bound_op
def subtract_backward(evaluator: str, dy: Any, da: Any, db: Any, add_da: bool = False, add_db: bool = False) -> Bound:
    return in_turn([*bind_put(evaluator, da, same, [dy], add_da), *bind_put(evaluator, db, negated, [dy], add_db)])


add_backward.copies, subtract_backward.copies = {"da": ("dy",), "db": ("dy",)}, {"da": ("dy",)}


@bound_op
def multiply_backward(evaluator: str, dy: Any, a: Any, b: Any, da: Any, db: Any) -> Bound:
    return in_turn([*bind_put(evaluator, da, product, [dy, b]), *bind_put(evaluator, db, product, [dy, a])])


@bound_op
def divide_backward(evaluator: str, dy: Any, b: Any, y: Any, da: Any, db: Any) -> Bound:
    """da = dy / b, db = -dy y / b."""
    return in_turn([*bind_put(evaluator, da, quotient, [dy, b]), *bind_put(evaluator, db, by_divisor, [dy, b, y])])
