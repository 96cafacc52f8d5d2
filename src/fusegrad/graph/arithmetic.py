"""The layers behind `+ - * / @` on Values, with NumPy's broadcasting."""

from __future__ import annotations

import numpy as np

from fusegrad.expr.trace import traced
from fusegrad.graph.layer import Layer
from fusegrad.graph.precision import HALF
from fusegrad.graph.spec import Arrays, GraphError, Spec, require
from fusegrad.ops import arithmetic
from fusegrad.ops.matmul import matmul, matmul_backward


def broadcast(layer: Layer, a: Spec, b: Spec) -> Arrays:
    require(a.is_float and a.dtype == b.dtype, layer, "floating-point inputs of one dtype", f"{a} and {b}")
    try:
        return Arrays({"y": Spec(np.broadcast_shapes(a.shape, b.shape), a.dtype)})
    except ValueError:
        raise GraphError(f"{layer} expects shapes that broadcast, got {a.shape} and {b.shape}") from None


class Add(Layer):
    """y = a + b, broadcast."""

    elementwise = traced(lambda a, b: a + b, name="add")
    forward, backward = arithmetic.add, arithmetic.add_backward

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast(self, a, b)


class Subtract(Layer):
    """y = a - b, broadcast."""

    elementwise = traced(lambda a, b: a - b, name="subtract")
    forward, backward = arithmetic.subtract, arithmetic.subtract_backward

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast(self, a, b)


class Multiply(Layer):
    """y = a b, element by element, broadcast."""

    elementwise = traced(lambda a, b: a * b, name="multiply")
    forward, backward = arithmetic.multiply, arithmetic.multiply_backward

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast(self, a, b)


class Divide(Layer):
    """y = a / b, element by element, broadcast."""

    elementwise = traced(lambda a, b: a / b, name="divide")
    forward, backward = arithmetic.divide, arithmetic.divide_backward

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast(self, a, b)


class MatMul(Layer):
    """y = a b for matrices, or stacks of as many matrices.  Shapes: a (…, m, k), b (…, k, n), y (…, m, n)."""

    computes_in = HALF

    forward, backward = matmul, matmul_backward

    def plan(self, a: Spec, b: Spec) -> Arrays:
        require(a.is_float and a.dtype == b.dtype, self, "floating-point inputs of one dtype", f"{a} and {b}")
        require(len(a.shape) == len(b.shape) > 1, self, f"a second input of {len(a.shape)} axes, 2 or more", b.shape)
        stacked = a.shape[:-2] == b.shape[:-2] and a.shape[-1] == b.shape[-2]
        require(stacked, self, f"a second input (…, {a.shape[-1]}, n) for {a.shape}", b.shape)
        return Arrays({"y": Spec((*a.shape[:-1], b.shape[-1]), a.dtype)}, constants={"add": False})
