"""Layers that change the shape and leave the elements as they are."""

from __future__ import annotations

from math import prod

from fusegrad.graph import Value
from fusegrad.graph.layer import Module
from fusegrad.graph.structure import Reshape

__all__ = ["Flatten", "Reshape"]


class Flatten(Module):
    """y = x with all axes after the first joined.  Shapes: x (batch, …), y (batch, width)."""

    def __call__(self, x: Value) -> Value:
        return x.reshape(x.shape[0], prod(x.shape[1:]))
