"""Activations: y = f(x), element by element, of x's shape and dtype."""

from __future__ import annotations

from typing import Any

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.ops import activation


def same_as(layer: Layer, x: Spec) -> Arrays:
    require(x.is_float, layer, "floating-point input", x)
    return Arrays({"y": x})


class ReLU(Layer):
    """y = max(x, 0); the derivative at 0 is 0 (Nair and Hinton, 2010).  Shapes: x, y (…)."""

    def plan(self, x: Spec) -> Arrays:
        return same_as(self, x)

    def forward(self, x: Any, y: Any) -> None:
        activation.relu(x, y)

    def backward(self, y: Any, dy: Any, dx: Any) -> None:
        activation.relu_backward(dy, y, dx)


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)).  Shapes: x, y (…)."""

    def plan(self, x: Spec) -> Arrays:
        return same_as(self, x)

    def forward(self, x: Any, y: Any) -> None:
        activation.sigmoid(x, y)

    def backward(self, y: Any, dy: Any, dx: Any) -> None:
        activation.sigmoid_backward(dy, y, dx)


class Tanh(Layer):
    """y = tanh(x).  Shapes: x, y (…)."""

    def plan(self, x: Spec) -> Arrays:
        return same_as(self, x)

    def forward(self, x: Any, y: Any) -> None:
        activation.tanh(x, y)

    def backward(self, y: Any, dy: Any, dx: Any) -> None:
        activation.tanh_backward(dy, y, dx)
