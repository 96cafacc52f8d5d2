"""Noise in training, which prediction leaves out.

Every draw depends on the arena's seed and step, the node and the element's index alone, so it is the same on every
backend.
"""

from __future__ import annotations

from math import inf, sqrt
from numbers import Real

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.layers.dropout import checked_rate
from fusegrad.ops import elementwise, noise


class GaussianNoise(Layer):
    """y = x + std z with z ~ N(0, 1), drawn anew at every training step; y = x in prediction.

    Shapes: x, y (…).  Raises GraphError unless std >= 0 and x is floating point.
    """

    forward, backward, predict = noise.plus, elementwise.cast_backward, elementwise.copy

    def __init__(self, std: float = 0.1) -> None:
        require(isinstance(std, Real) and 0 <= std < inf, "GaussianNoise", "std >= 0", std)
        self.std = std

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float, self, "floating-point input", x)
        return Arrays({"y": x}, constants={"std": self.std})

    def __repr__(self) -> str:
        return f"GaussianNoise({self.std})"


class GaussianDropout(Layer):
    """y = x (1 + sqrt(rate / (1 - rate)) z) with z ~ N(0, 1), of the mean and variance of Dropout; y = x in prediction.

    Srivastava et al., 2014, JMLR 15, section 10.  Shapes: x, y (…).
    Raises GraphError unless 0 <= rate < 1 and x is floating point.
    """

    forward, backward, predict = noise.times, noise.times_backward, elementwise.copy

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = checked_rate("GaussianDropout", rate)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float, self, "floating-point input", x)
        return Arrays({"y": x}, constants={"std": sqrt(self.rate / (1 - self.rate))})

    def __repr__(self) -> str:
        return f"GaussianDropout({self.rate})"
