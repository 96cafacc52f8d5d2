"""Layers that make one Value of several."""

from __future__ import annotations

import numpy as np

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.graph.arithmetic import Add
from fusegrad.ops import shape

__all__ = ["Add", "Concat"]


class Concat(Layer):
    """y = the inputs one after the other along `axis`.

    Shapes: x of equal shape but for `axis`; y has the sum of their extents there.
    Raises GraphError if other extents or dtypes differ.
    """

    forward, backward = shape.concat, shape.split

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def plan(self, *x: Spec) -> Arrays:
        require(len(x) > 0, self, "at least one input", "none")
        rank = len(x[0].shape)
        require(-rank <= self.axis < rank, self, f"an axis that {rank} axes have", self.axis)
        axis = self.axis % rank
        for other in x[1:]:
            fits = len(other.shape) == rank and without(axis, other) == without(axis, x[0])
            require(fits and other.dtype == x[0].dtype, self, f"inputs like {x[0]} but for axis {axis}", other)
        extent = int(np.sum([spec.shape[axis] for spec in x]))
        y = Spec((*x[0].shape[:axis], extent, *x[0].shape[axis + 1 :]), x[0].dtype)
        return Arrays({"y": y}, constants={"extents": tuple(spec.shape[axis] for spec in x), "axis": axis})

    def __repr__(self) -> str:
        return f"Concat(axis={self.axis})"


def without(axis: int, spec: Spec) -> tuple[int, ...]:
    return spec.shape[:axis] + spec.shape[axis + 1 :]
