"""Pooling of whole planes: to as many numbers as are asked for, whatever their extents, or to one."""

from __future__ import annotations

from typing import ClassVar

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.graph.spec import is_whole
from fusegrad.layers.pooling import require_planes
from fusegrad.ops import global_pool, resample
from fusegrad.ops.axis_map import adaptive_mean


class AdaptiveAvgPool(Layer):
    """y = means over stretches of x, as many as `output_size` says, that overlap where they do not come out even.

    Along an axis of extent n, output o of m is the mean from ⌊o n / m⌋ up to ⌈(o + 1) n / m⌉.  `output_size` is a
    number for all axes or one for each, None for an axis that stays as it is.
    Shapes: x (batch, channels, *extents), y (batch, channels, *output_size).
    Raises GraphError if x is not floating point or has other axes.
    """

    rank: ClassVar[int]
    forward, backward = resample.forward, resample.backward

    def __init__(self, output_size: int | tuple[int | None, ...] | None) -> None:
        entries = output_size if isinstance(output_size, tuple | list) else (output_size,) * self.rank
        fits = len(entries) == self.rank and all(entry is None or (is_whole(entry) and entry > 0) for entry in entries)
        expected = f"output_size as a whole number of at least 1, None, or {self.rank} of them"
        require(fits, type(self).__name__, expected, repr(output_size))
        self.output_size = tuple(None if entry is None else int(entry) for entry in entries)
        if set(self.output_size) == {1}:  # sums of many elements, in which the general way loses bits and time
            self.forward, self.backward = global_pool.mean, global_pool.mean_backward

    def plan(self, x: Spec) -> Arrays:
        require_planes(self, x, self.rank)
        extents = x.shape[2:]
        places = tuple(n if m is None else m for n, m in zip(extents, self.output_size, strict=True))
        maps = tuple(adaptive_mean(n, m) for n, m in zip(extents, places, strict=True))
        return Arrays({"y": Spec((*x.shape[:2], *places), x.dtype)}, constants={"maps": maps})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.output_size})"


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    __doc__ = AdaptiveAvgPool.__doc__
    rank = 1


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    __doc__ = AdaptiveAvgPool.__doc__
    rank = 2


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    __doc__ = AdaptiveAvgPool.__doc__
    rank = 3


class GlobalAvgPool(Layer):
    """y = the mean of each plane.

    Shapes: x (batch, channels, …) with at least one more axis, y (batch, channels), with `keepdims` (batch, channels,
    1, …).  Raises GraphError if x is not floating point or has fewer axes.
    """

    forward, backward = global_pool.mean, global_pool.mean_backward

    def __init__(self, keepdims: bool = False) -> None:
        self.keepdims = keepdims

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": of_planes(self, x, self.keepdims)})

    def __repr__(self) -> str:
        return f"GlobalAvgPool(keepdims={self.keepdims})"


class GlobalMaxPool(Layer):
    """y = the largest element of each plane, which alone has the gradient; the first of several that are largest.

    Shapes: x (batch, channels, …) with at least one more axis, y (batch, channels), with `keepdims` (batch, channels,
    1, …).  NaN is larger than all numbers.  Raises GraphError if x is not floating point or has fewer axes.
    """

    forward, predict, backward = global_pool.largest, global_pool.predict_largest, global_pool.largest_backward

    def __init__(self, keepdims: bool = False) -> None:
        self.keepdims = keepdims

    def plan(self, x: Spec) -> Arrays:
        y = of_planes(self, x, self.keepdims)
        return Arrays({"y": y}, saved={"places": Spec(y.shape, "int64")})

    def __repr__(self) -> str:
        return f"GlobalMaxPool(keepdims={self.keepdims})"


def of_planes(owner: object, x: Spec, keepdims: bool) -> Spec:
    """The Spec of one number for each plane of x."""
    fits = x.is_float and len(x.shape) > 2 and 0 not in x.shape[2:]
    require(fits, owner, "floating-point input of shape (batch, channels, …), with at least one more axis", x)
    return Spec((*x.shape[:2], *(1,) * (len(x.shape) - 2 if keepdims else 0)), x.dtype)
