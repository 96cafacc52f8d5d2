"""ReLU with slopes that are learnt."""

from __future__ import annotations

from fusegrad import initializers
from fusegrad.graph import Arrays, Initializer, Layer, Param, Spec, require
from fusegrad.layers.axes import axis_of
from fusegrad.ops import prelu


class PReLU(Layer):
    """y = x above 0, slope · x below, with slopes that are learnt: one for each entry of `axis`, or one for all.

    He et al., 2015, arXiv:1502.01852.

    Args:
        axis: the axis whose entries have a slope each; default: the channels of (batch, channels, …).
        shared: whether there is but one slope, of shape (1,).
        slope_init: initializer; default 0.25.

    Shapes: x, y (…, channels, …), slope (channels,).
    Raises GraphError if x is not floating point, or `axis` is none of its axes or of another extent.
    """

    def __init__(self, axis: int = 1, *, shared: bool = False, slope_init: Initializer | None = None) -> None:
        self.axis, self.shared = axis, shared
        self.slope = Param((1 if shared else None,), slope_init or initializers.constant(0.25), decay=False)

    def plan(self, x: Spec) -> Arrays:
        axis = axis_of(self, 0 if self.shared else self.axis, x)
        fits = self.shared or self.slope.settle((x.shape[axis],))
        require(fits, self, f"{self.slope.extents[0]} channels along axis {axis}", x.shape)
        return Arrays({"y": x}, saved={"product": x}, constants={"axis": axis})

    forward, backward = prelu.forward, prelu.backward

    def __repr__(self) -> str:
        return "PReLU(shared=True)" if self.shared else f"PReLU(axis={self.axis})"
