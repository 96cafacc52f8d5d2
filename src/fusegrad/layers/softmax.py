"""Softmax and its logarithm as layers."""

from __future__ import annotations

from fusegrad.graph import Arrays, Layer, Spec
from fusegrad.graph.precision import FULL
from fusegrad.layers.axes import axis_of
from fusegrad.ops import log_softmax


class Softmax(Layer):
    """y = exp(x) / Σ exp(x), the sum being over `axis`; before a loss take `CrossEntropy`, which has it inside.

    Shapes: x, y (…).  Raises GraphError unless x is floating point and has the axis.
    """

    computes_in = FULL

    forward, backward = log_softmax.softmax_forward, log_softmax.softmax_backward

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x}, constants={"axis": axis_of(self, self.axis, x)})

    def __repr__(self) -> str:
        return f"Softmax(axis={self.axis})"


class LogSoftmax(Layer):
    """y = x - log Σ exp(x), the sum being over `axis`.

    Shapes: x, y (…).  Raises GraphError unless x is floating point and has the axis.
    """

    computes_in = FULL

    forward, backward = log_softmax.forward, log_softmax.backward

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x}, constants={"axis": axis_of(self, self.axis, x)})

    def __repr__(self) -> str:
        return f"LogSoftmax(axis={self.axis})"
