"""Arithmetic and functions of several arrays, element by element and broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from fusegrad import expr
from fusegrad.expr import Function, function
from fusegrad.layers.extremes import MAXIMUM, MINIMUM
from fusegrad.ops import Op, arithmetic
from onnx_suite.machine import Machine, is_float
from onnx_suite.node import Node, operator

ARITHMETIC = {
    "Add": arithmetic.add,
    "Sub": arithmetic.subtract,
    "Mul": arithmetic.multiply,
    "Div": arithmetic.divide,
}
FUNCTIONS: dict[str, Function] = {
    "Abs": function(lambda x: expr.abs(x), name="abs"),
    "Erf": function(lambda x: expr.erf(x), name="erf"),
    "Exp": function(lambda x: expr.exp(x), name="exp"),
    "Log": function(lambda x: expr.log(x), name="log"),
    "Neg": function(lambda x: -x, name="neg"),
    "Reciprocal": function(lambda x: 1 / x, name="reciprocal"),
    "Sign": function(lambda x: expr.sign(x), name="sign"),
    "Sqrt": function(lambda x: expr.sqrt(x), name="sqrt"),
}
POWER = function(lambda a, b: a**b, name="power")
CHOICE = function(lambda c, a, b: expr.where(c > 0, a, b), name="choice")


def enter_arithmetic(name: str, op: Op) -> None:
    @operator(name)
    def run(m: Machine, node: Node, a: Any, b: Any) -> Any:
        return combined(m, op, a, seen_along(a, b, node))


def enter_function(name: str, of_x: Function) -> None:
    @operator(name)
    def run(m: Machine, node: Node, x: Any) -> Any:
        return m.applied(of_x, x)


for title, op in ARITHMETIC.items():
    enter_arithmetic(title, op)
for title, of_x in FUNCTIONS.items():
    enter_function(title, of_x)


def combined(m: Machine, op: Op, a: Any, b: Any) -> Any:
    return m.made(op, a, b, shape=np.broadcast_shapes(a.shape, b.shape))


def seen_along(a: Any, b: Any, node: Node) -> Any:
    """b as it broadcasts over a; up to version 6 its axes could be those of a from `axis` on."""
    axis = node.get("axis")
    return b if axis is None else b.reshape(*b.shape, *[1] * (a.ndim - axis % a.ndim - b.ndim))


def plus(m: Machine, a: Any, b: Any) -> Any:
    return combined(m, arithmetic.add, a, b)


def times(m: Machine, x: Any, number: float) -> Any:
    return x if number == 1 else combined(m, arithmetic.multiply, x, m.array(np.asarray(number, x.dtype)))


@operator("Sum")
def total(m: Machine, node: Node, *arrays: Any) -> Any:
    return reduce(lambda a, b: plus(m, a, b), arrays)


@operator("Mean")
def average(m: Machine, node: Node, *arrays: Any) -> Any:
    return times(m, total(m, node, *arrays), 1 / len(arrays))


@operator("Max")
def largest(m: Machine, node: Node, *arrays: Any) -> Any:
    return folded(m, MAXIMUM, arrays)


@operator("Min")
def smallest(m: Machine, node: Node, *arrays: Any) -> Any:
    return folded(m, MINIMUM, arrays)


def folded(m: Machine, of_two: Function, arrays: Sequence[Any]) -> Any:
    return reduce(lambda a, b: m.applied(of_two, a, b), arrays)


@operator("Pow")
def power(m: Machine, node: Node, x: Any, exponent: Any) -> Any:
    """In the type of x, integers as float64, whose powers are exact below 2⁵³."""
    working = x.dtype if is_float(x.dtype) else np.dtype("float64")
    y = m.applied(POWER, m.cast(x, working), m.cast(seen_along(x, exponent, node), working))
    return m.cast(y, x.dtype)


@operator("Where")
def choice(m: Machine, node: Node, condition: Any, x: Any, y: Any) -> Any:
    """Integers as float64, which holds them below 2⁵³."""
    working = x.dtype if is_float(x.dtype) else np.dtype("float64")
    chosen = m.applied(CHOICE, m.cast(condition, working), m.cast(x, working), m.cast(y, working))
    return m.cast(chosen, x.dtype)
