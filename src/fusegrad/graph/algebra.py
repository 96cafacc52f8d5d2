"""What the operators and methods of Values do: each adds one node to the graph."""

from __future__ import annotations

from functools import lru_cache
from numbers import Real
from typing import Any

from fusegrad.expr import Function
from fusegrad.expr.trace import traced
from fusegrad.graph.arithmetic import Add, Divide, MatMul, Multiply, Subtract
from fusegrad.graph.elementwise import Elementwise
from fusegrad.graph.noise import Normal
from fusegrad.graph.spec import GraphError
from fusegrad.graph.structure import Reshape, StopGradient, Take, Total, Transpose
from fusegrad.graph.value import Axes, Value

Operand = Value | float


def number(operand: Any) -> float:
    if not isinstance(operand, Real):
        raise GraphError(f"arithmetic on a Value expects a number or a Value, got {type(operand).__name__}")
    return float(operand)


def affine(x: Value, scale: float, shift: float) -> Value:
    return as_value(Elementwise(affine_of(number(scale), number(shift)))(x))


@lru_cache(maxsize=1024)
def affine_of(scale: float, shift: float) -> Function:
    return traced(lambda x: scale * x + shift, name="affine")


@lru_cache(maxsize=1024)
def power_of(exponent: float) -> Function:
    return traced(lambda x: x**exponent, name="power")


def add(a: Value, b: Operand) -> Value:
    return as_value(Add()(a, b)) if isinstance(b, Value) else affine(a, 1.0, b)


def subtract(a: Value, b: Operand) -> Value:
    return as_value(Subtract()(a, b)) if isinstance(b, Value) else affine(a, 1.0, -number(b))


def multiply(a: Value, b: Operand) -> Value:
    return as_value(Multiply()(a, b)) if isinstance(b, Value) else affine(a, b, 0.0)


def divide(a: Value, b: Operand) -> Value:
    return as_value(Divide()(a, b)) if isinstance(b, Value) else affine(a, 1 / number(b), 0.0)


def power(x: Value, exponent: float) -> Value:
    return as_value(Elementwise(power_of(number(exponent)))(x))


def matmul(a: Value, b: Value) -> Value:
    return as_value(MatMul()(a, b))


def take(x: Value, index: Any) -> Value:
    return as_value(Take(index)(x))


def reshape(x: Value, *shape: Any) -> Value:
    return as_value(Reshape(*shape)(x))


def transpose(x: Value, *axes: Any) -> Value:
    return as_value(Transpose(*axes)(x))


def sum(x: Value, axis: Axes = None, keepdims: bool = False) -> Value:
    """The sum over `axis` (an int, a tuple, or None for all)."""
    return as_value(Total(axis, keepdims, average=False)(x))


def mean(x: Value, axis: Axes = None, keepdims: bool = False) -> Value:
    """The mean over `axis` (an int, a tuple, or None for all)."""
    return as_value(Total(axis, keepdims, average=True)(x))


def stop_gradient(x: Value) -> Value:
    """x, as a constant to everything that is differentiated."""
    return as_value(StopGradient()(x))


def normal(shape: tuple[int, ...], mean: float = 0.0, std: float = 1.0, dtype: str = "float32") -> Value:
    """Fresh draws from N(mean, std²) at every step: a function of the arena's seed and step, the node and the index."""
    return as_value(Normal(shape, mean, std, dtype)())


def as_value(value: Any) -> Value:
    assert isinstance(value, Value)
    return value
