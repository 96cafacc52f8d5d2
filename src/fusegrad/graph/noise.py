"""Randomness inside a graph."""

from __future__ import annotations

from fusegrad.graph.layer import Layer
from fusegrad.graph.spec import Arrays, Spec, require
from fusegrad.ops import noise


class Normal(Layer):
    """y ~ N(mean, std²), drawn anew at every training step.  No inputs; y has `shape`."""

    forward, backward = noise.normal, None

    def __init__(self, shape: tuple[int, ...], mean: float, std: float, dtype: str) -> None:
        self.spec = Spec(shape, dtype)
        require(self.spec.is_float, self, "a floating-point dtype", dtype)
        self.mean, self.std = float(mean), float(std)

    def plan(self) -> Arrays:
        return Arrays({"y": self.spec}, constants={"mean": self.mean, "std": self.std})
