"""More places along every axis: by repetition, by interpolation, or out of channels."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.layers.sliding import per_axis
from fusegrad.ops import pixel_shuffle, resample
from fusegrad.ops.axis_map import AxisMap, linear, linear_between_corners, nearest

Scale = float | tuple[float, ...]
MODES = {"nearest": (1, 2, 3), "linear": (1, 2, 3), "bilinear": (2,), "trilinear": (3,)}  # and numbers of axes
MOST = 10**6  # denominator of a scale, so that 1.1 is what it says


class Upsample(Layer):
    """y = x with `scale` times as many places along every axis.

    Args:
        scale: a positive number for all axes or one for each; an axis of extent n has floor(n scale) places.
        mode: "nearest", which repeats elements, or "linear", which interpolates between their centres along every axis;
            "bilinear" and "trilinear" are the same for two and three axes alone.
        align_corners: whether interpolation goes from the centre of the first element to that of the last, instead of
            from edge to edge.

    Shapes: x (batch, channels, *extents) with one to three extents, y (batch, channels, *places).
    Raises GraphError if x is not floating point, or has axes that the mode does not fit.
    """

    forward, backward = resample.forward, resample.backward

    def __init__(self, scale: Scale, mode: str = "nearest", align_corners: bool = False) -> None:
        require(isinstance(mode, str) and mode in MODES, "Upsample", f"a mode of {', '.join(MODES)}", repr(mode))
        require(mode != "nearest" or not align_corners, "Upsample", "align_corners only where it interpolates", mode)
        scales = tuple(scale) if isinstance(scale, tuple | list) else (scale,)
        positive = len(scales) > 0 and all(is_positive(number) for number in scales)
        require(positive, "Upsample", "a positive number as scale, or one for each axis", repr(scale))
        self.scale, self.mode, self.align_corners = scale, mode, align_corners

    def plan(self, x: Spec) -> Arrays:
        rank = len(x.shape) - 2
        numbers = " or ".join(map(str, MODES[self.mode]))
        fits = x.is_float and rank in MODES[self.mode] and 0 not in x.shape[2:]
        require(fits, self, f"floating-point input (batch, channels, …) with {numbers} more axes", x)
        scales = self.scale if isinstance(self.scale, tuple | list) else (self.scale,) * rank
        require(len(scales) == rank, self, f"a scale for each of {rank} axes", self.scale)
        maps = tuple(self.of_axis(*pair) for pair in zip(x.shape[2:], scales, strict=True))
        places = tuple(len(axis.rows) for axis in maps)
        return Arrays({"y": Spec((*x.shape[:2], *places), x.dtype)}, constants={"maps": maps})

    def of_axis(self, extent: int, scale: float) -> AxisMap:
        exact = Fraction(float(scale)).limit_denominator(MOST)
        places = floor(extent * exact)
        require(places > 0, self, "axes of which something is left", f"one of {extent} times {scale}")
        if self.mode == "nearest":
            return nearest(extent, places, 1 / exact)
        return linear_between_corners(extent, places) if self.align_corners else linear(extent, places, 1 / exact)

    def __repr__(self) -> str:
        return f"Upsample({self.scale}, {self.mode!r})"


class PixelShuffle(Layer):
    """y = x with channels moved into space: factor² of them become blocks of factor x factor places.

    Shapes: x (batch, channels · factorⁿ, *extents) with n extents, y (batch, channels, *extents · factor); element
    (i, j) of a block comes from channel c · factor² + i · factor + j.  Shi et al., 2016, arXiv:1609.05158.
    Raises GraphError if x is not floating point, or has no axes but two, or channels that factorⁿ does not divide.
    """

    forward, backward = pixel_shuffle.shuffle, pixel_shuffle.shuffle_backward

    def __init__(self, factor: int) -> None:
        (self.factor,) = per_axis("PixelShuffle", "factor", factor, 1)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float and len(x.shape) > 2, self, "floating-point input (batch, channels, …)", x)
        batch, channels, *extents = x.shape
        block = self.factor ** len(extents)
        require(channels % block == 0, self, f"channels that {block} divides", x)
        places = (extent * self.factor for extent in extents)
        return Arrays({"y": Spec((batch, channels // block, *places), x.dtype)}, constants={"factor": self.factor})

    def __repr__(self) -> str:
        return f"PixelShuffle({self.factor})"


class PixelUnshuffle(Layer):
    """The inverse of `PixelShuffle`: y = x with blocks of factor x factor places moved into channels.

    Shapes: x (batch, channels, *extents · factor), y (batch, channels · factorⁿ, *extents) with n extents.
    Raises GraphError if x is not floating point, or has no axes but two, or extents that factor does not divide.
    """

    forward, backward = pixel_shuffle.unshuffle, pixel_shuffle.unshuffle_backward

    def __init__(self, factor: int) -> None:
        (self.factor,) = per_axis("PixelUnshuffle", "factor", factor, 1)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float and len(x.shape) > 2, self, "floating-point input (batch, channels, …)", x)
        batch, channels, *extents = x.shape
        fits = all(extent % self.factor == 0 for extent in extents)
        require(fits, self, f"extents that {self.factor} divides", x)
        places = (extent // self.factor for extent in extents)
        y = Spec((batch, channels * self.factor ** len(extents), *places), x.dtype)
        return Arrays({"y": y}, constants={"factor": self.factor})

    def __repr__(self) -> str:
        return f"PixelUnshuffle({self.factor})"


def is_positive(number: object) -> bool:
    return isinstance(number, int | float | np.number) and not isinstance(number, bool) and bool(0 < number < np.inf)
