"""Layers that several tests put into their graphs."""

from __future__ import annotations

import numpy as np

from fusegrad import initializers
from fusegrad.graph import Arrays, Layer, Param, Spec


class Square(Layer):
    """y = x², whose backward cannot add."""

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x})

    def forward(self, x, y):
        np.multiply(x, x, out=y)

    def backward(self, x, dy, dx):
        np.multiply(2 * x, dy, out=dx)


class TwoNames(Layer):
    """y = a x + b x², where a and b are one parameter under two names."""

    def __init__(self):
        self.a = self.b = Param((3,), initializers.normal(1.0))

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x})

    def forward(self, x, a, b, y):
        y[...] = a * x + b * x**2

    def backward(self, x, a, b, dy, dx, da, db):
        dx[...] = (a + 2 * b * x) * dy
        da[...] = (x * dy).sum(0)
        db[...] = (x**2 * dy).sum(0)
