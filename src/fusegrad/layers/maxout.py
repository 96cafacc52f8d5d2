"""The largest of neighbouring entries along an axis."""

from __future__ import annotations

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.graph.spec import is_whole
from fusegrad.layers.axes import axis_of
from fusegrad.ops import maxout


class Maxout(Layer):
    """Every entry of y along `axis` is the largest of `pieces` neighbouring ones of x.

    y[…, j, …] = max over k < pieces of x[…, j pieces + k, …]; the gradient goes to the first of the largest.
    Goodfellow et al., 2013, arXiv:1302.4389.  Shapes: x (…, n pieces, …), y (…, n, …).
    Raises GraphError unless 2 <= pieces <= 255, x is floating point and has the axis, and `pieces` divides its extent.
    """

    forward, backward = maxout.forward, maxout.backward

    def __init__(self, pieces: int, axis: int = -1) -> None:
        require(is_whole(pieces) and 2 <= pieces <= 255, "Maxout", "pieces from 2 to 255", pieces)
        self.pieces, self.axis = int(pieces), axis

    def plan(self, x: Spec) -> Arrays:
        axis = axis_of(self, self.axis, x)
        fits = x.shape[axis] % self.pieces == 0
        require(fits, self, f"an extent that {self.pieces} divides along axis {axis}", x.shape)
        y = Spec((*x.shape[:axis], x.shape[axis] // self.pieces, *x.shape[axis + 1 :]), x.dtype)
        constants = {"pieces": self.pieces, "axis": axis}
        return Arrays({"y": y}, saved={"which": Spec(y.shape, "uint8")}, constants=constants)

    def __repr__(self) -> str:
        return f"Maxout({self.pieces}, axis={self.axis})"
