"""Dropout: of elements, of channels, and of the residual branches of samples."""

from __future__ import annotations

from numbers import Real
from typing import Literal

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.ops import dropout, elementwise, stretch_dropout


class Dropout(Layer):
    """Sets elements to 0 with probability `rate` and scales the others by 1 / (1 - rate); passes all on in prediction.

    Srivastava et al., 2014, JMLR 15.  The draw depends on the arena's seed and step, the node and the element's index
    alone, so every backend drops the same elements.  Shapes: x, y (…).
    Raises GraphError unless 0 <= rate < 1 and x is floating point.
    """

    forward, backward, predict = dropout.forward, dropout.backward, elementwise.copy

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = checked_rate("Dropout", rate)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float, self, "floating-point input", x)
        return Arrays({"y": x}, saved={"mask": Spec(x.shape, "uint8")}, constants={"rate": self.rate})

    def __repr__(self) -> str:
        return f"Dropout({self.rate})"


class SpatialDropout(Layer):
    """Sets whole channels to 0 with probability `rate` and scales the others by 1 / (1 - rate); idle in prediction.

    Tompson et al., 2015, arXiv:1411.4280; PyTorch's Dropout1d, 2d and 3d.  The draw depends on the arena's seed and
    step, the node and the number of the channel among those of the batch.  Shapes: x, y (batch, channels, *extents).
    Raises GraphError unless 0 <= rate < 1 and x is floating point and has such axes.
    """

    forward, backward, predict = stretch_dropout.forward, stretch_dropout.backward, elementwise.copy

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = checked_rate("SpatialDropout", rate)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float and len(x.shape) > 1, self, "floating-point input (batch, channels, …)", x)
        return Arrays({"y": x}, saved={"mask": Spec(x.shape[:2], "uint8")}, constants={"rate": self.rate})

    def __repr__(self) -> str:
        return f"SpatialDropout({self.rate})"


class StochasticDepth(Layer):
    """Sets whole samples to 0 with probability `rate` and scales the others by 1 / (1 - rate); idle in prediction.

    At the end of a residual branch, `x + StochasticDepth(0.2)(branch(x))`, it leaves that out: Huang et al., 2016,
    arXiv:1603.09382, with the scale of `Dropout`.  The draw depends on the arena's seed and step, the node and the
    sample's index.

    Args:
        rate: the probability.
        mode: "row", every sample by itself, or "batch", all or none.

    Shapes: x, y (batch, …).
    Raises GraphError for another mode, and unless 0 <= rate < 1 and x is floating point and has an axis.
    """

    forward, backward, predict = stretch_dropout.forward, stretch_dropout.backward, elementwise.copy

    def __init__(self, rate: float, mode: Literal["row", "batch"] = "row") -> None:
        require(mode in ("row", "batch"), "StochasticDepth", 'mode "row" or "batch"', repr(mode))
        self.rate, self.mode = checked_rate("StochasticDepth", rate), mode

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float and len(x.shape) > 0, self, "floating-point input (batch, …)", x)
        stretches = x.shape[:1] if self.mode == "row" else ()
        return Arrays({"y": x}, saved={"mask": Spec(stretches, "uint8")}, constants={"rate": self.rate})

    def __repr__(self) -> str:
        return f'StochasticDepth({self.rate}, "{self.mode}")'


def checked_rate(owner: str, rate: float) -> float:
    """The probability; GraphError for what is none, or leaves nothing."""
    require(isinstance(rate, Real) and 0 <= rate < 1, owner, "0 <= rate < 1", rate)
    return rate
