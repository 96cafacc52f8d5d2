"""The layers behind `+ - * / @` on Values, with NumPy's broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.expr.trace import traced
from fusegrad.graph.layer import Layer
from fusegrad.graph.spec import Arrays, GraphError, Spec, require
from fusegrad.ops import arithmetic
from fusegrad.ops.matmul import matmul


def broadcast(layer: Layer, a: Spec, b: Spec) -> Arrays:
    require(a.is_float and a.dtype == b.dtype, layer, f"two floating-point inputs of dtype {a.dtype}", b)
    try:
        return Arrays({"y": Spec(np.broadcast_shapes(a.shape, b.shape), a.dtype)})
    except ValueError:
        raise GraphError(f"{layer} expects shapes that broadcast, got {a.shape} and {b.shape}") from None


class Add(Layer):
    """y = a + b, broadcast."""

    elementwise = traced(lambda a, b: a + b, name="add")

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast(self, a, b)

    def forward(self, a: Any, b: Any, y: Any) -> None:
        arithmetic.add(a, b, y)

    def backward(self, dy: Any, da: Any, db: Any, add_da: bool, add_db: bool) -> None:
        arithmetic.add_backward(dy, da, db, add_da=add_da, add_db=add_db)


class Subtract(Layer):
    """y = a - b, broadcast."""

    elementwise = traced(lambda a, b: a - b, name="subtract")

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast(self, a, b)

    def forward(self, a: Any, b: Any, y: Any) -> None:
        arithmetic.subtract(a, b, y)

    def backward(self, dy: Any, da: Any, db: Any, add_da: bool, add_db: bool) -> None:
        arithmetic.subtract_backward(dy, da, db, add_da=add_da, add_db=add_db)


class Multiply(Layer):
    """y = a b, element by element, broadcast."""

    elementwise = traced(lambda a, b: a * b, name="multiply")

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast(self, a, b)

    def forward(self, a: Any, b: Any, y: Any) -> None:
        arithmetic.multiply(a, b, y)

    def backward(self, a: Any, b: Any, dy: Any, da: Any, db: Any) -> None:
        arithmetic.multiply_backward(dy, a, b, da, db)


class Divide(Layer):
    """y = a / b, element by element, broadcast."""

    elementwise = traced(lambda a, b: a / b, name="divide")

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast(self, a, b)

    def forward(self, a: Any, b: Any, y: Any) -> None:
        arithmetic.divide(a, b, y)

    def backward(self, b: Any, y: Any, dy: Any, da: Any, db: Any) -> None:
        arithmetic.divide_backward(dy, b, y, da, db)


class MatMul(Layer):
    """y = a b for matrices, or stacks of as many matrices.  Shapes: a (…, m, k), b (…, k, n), y (…, m, n)."""

    def plan(self, a: Spec, b: Spec) -> Arrays:
        require(a.is_float and a.dtype == b.dtype, self, f"two floating-point inputs of dtype {a.dtype}", b)
        require(len(a.shape) == len(b.shape) > 1, self, f"a second input of {len(a.shape)} axes, 2 or more", b.shape)
        stacked = a.shape[:-2] == b.shape[:-2] and a.shape[-1] == b.shape[-2]
        require(stacked, self, f"a second input (…, {a.shape[-1]}, n) for {a.shape}", b.shape)
        return Arrays({"y": Spec((*a.shape[:-1], b.shape[-1]), a.dtype)})

    def forward(self, a: Any, b: Any, y: Any) -> None:
        matmul(a, b, y)

    def backward(self, a: Any, b: Any, dy: Any, da: Any, db: Any, add_da: bool, add_db: bool) -> None:
        if da is not None:
            matmul(dy, b.swapaxes(-1, -2), da, add=add_da)
        if db is not None:
            matmul(a.swapaxes(-1, -2), dy, db, add=add_db)
