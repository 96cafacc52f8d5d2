"""Activations: y = f(x), element by element, of x's shape and dtype."""

from __future__ import annotations

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.ops import activation


def same_as(layer: Layer, x: Spec) -> Arrays:
    require(x.is_float, layer, "floating-point input", x)
    return Arrays({"y": x})


class ReLU(Layer):
    """y = max(x, 0); the derivative at 0 is 0 (Nair and Hinton, 2010).  Shapes: x, y (…)."""

    def plan(self, x: Spec) -> Arrays:
        return same_as(self, x)

    forward, backward = activation.relu, activation.relu_backward


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)).  Shapes: x, y (…)."""

    def plan(self, x: Spec) -> Arrays:
        return same_as(self, x)

    forward, backward = activation.sigmoid, activation.sigmoid_backward


class Tanh(Layer):
    """y = tanh(x).  Shapes: x, y (…)."""

    def plan(self, x: Spec) -> Arrays:
        return same_as(self, x)

    forward, backward = activation.tanh, activation.tanh_backward
