"""Dropout."""

from __future__ import annotations

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.ops import dropout, elementwise


class Dropout(Layer):
    """Sets elements to 0 with probability `rate` and scales the others by 1 / (1 - rate); passes all on in prediction.

    Srivastava et al., 2014, JMLR 15.  The draw depends on the arena's seed and step, the node and the element's index
    alone, so every backend drops the same elements.  Shapes: x, y (…).
    Raises GraphError unless 0 <= rate < 1 and x is floating point.
    """

    forward, backward, predict = dropout.forward, dropout.backward, elementwise.copy

    def __init__(self, rate: float = 0.5) -> None:
        require(0 <= rate < 1, "Dropout", "0 <= rate < 1", rate)
        self.rate = rate

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float, self, "floating-point input", x)
        return Arrays({"y": x}, saved={"mask": Spec(x.shape, "uint8")}, constants={"rate": self.rate})

    def __repr__(self) -> str:
        return f"Dropout({self.rate})"
