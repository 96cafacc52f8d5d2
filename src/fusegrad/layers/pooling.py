"""Pooling: every window that slides along the last axes becomes one number."""

from __future__ import annotations

from typing import ClassVar

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.layers.sliding import Padding, PerAxis, sliding
from fusegrad.ops import max_pool, resample
from fusegrad.ops.axis_map import window_means
from fusegrad.ops.overlap import along
from fusegrad.ops.window import Extents, Window


class WindowPool(Layer):
    """What pools share whose windows slide along the last `rank` axes."""

    rank: ClassVar[int]

    def __init__(
        self, kernel_size: PerAxis, stride: PerAxis | None, padding: Padding, dilation: PerAxis, ceil_mode: bool
    ) -> None:
        name = type(self).__name__
        stride = kernel_size if stride is None else stride
        self.sliding = sliding(name, self.rank, kernel_size, stride, padding, dilation)
        self.kernel_size, self.ceil_mode = kernel_size, ceil_mode

    def windows(self, x: Spec) -> tuple[Window, Spec]:
        """The windows that slide along x, and the Spec of one number for each."""
        require_planes(self, x, self.rank)
        extents = x.shape[2:]
        window = self.sliding.window(self, extents)
        places = rounded_up(window, extents) if self.ceil_mode else window.outputs(extents)
        require(all_meet(window, extents, places), self, "windows of which none lies in the padding alone", window)
        return window, Spec((*x.shape[:2], *places), x.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.kernel_size})"


class MaxPool(WindowPool):
    """y = the largest element of each window, which alone has the gradient; the first of several that are largest.

    Args:
        kernel_size: places of the window, a number for all axes or one for each.
        stride: steps from window to window, like kernel_size; default: kernel_size, so that windows do not overlap.
        padding: places around x, smaller than any number: a number for all axes, or for each axis a number or
            (before, behind); "valid" for none; "same" for as many as give ceil(extent / stride) outputs.
        dilation: steps from place to place in a window.
        ceil_mode: whether a last window that begins in x may reach beyond it and its padding.
        return_indices: whether there is a second output, int64 like y: where in its plane each element of y is,
            counted in C order.

    Shapes: x (batch, channels, *extents), y (batch, channels, *places).  An axis of extent n has
    (n + before + behind - dilation (kernel - 1) - 1) // stride + 1 places, rounded up in ceil_mode.  NaN is larger than
    all numbers.  Raises GraphError if x is not floating point, has other axes, is smaller than a window, or a window
    lies in the padding alone.
    """

    backward = max_pool.backward

    def __init__(
        self,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        padding: Padding = 0,
        dilation: PerAxis = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)
        self.return_indices = return_indices
        self.forward = max_pool.forward_indices if return_indices else max_pool.forward
        if not return_indices:
            self.predict = max_pool.predict

    def plan(self, x: Spec) -> Arrays:
        window, y = self.windows(x)
        outputs = {"y": y, "indices": Spec(y.shape, "int64")} if self.return_indices else {"y": y}
        taps = Spec(y.shape, max_pool.tap_dtype(window))
        return Arrays(outputs, saved={"taps": taps}, constants={"window": window})


class MaxPool1d(MaxPool):
    __doc__ = MaxPool.__doc__
    rank = 1


class MaxPool2d(MaxPool):
    __doc__ = MaxPool.__doc__
    rank = 2


class MaxPool3d(MaxPool):
    __doc__ = MaxPool.__doc__
    rank = 3


class AvgPool(WindowPool):
    """y = the mean of each window.

    Args:
        kernel_size, stride, padding, dilation, ceil_mode: as `MaxPool2d` has them, with zeros as padding.
        count_include_pad: whether padding counts as elements of a window; what lies behind it never does.

    Shapes: x (batch, channels, *extents), y (batch, channels, *places), as for `MaxPool2d`.  Raises GraphError if x is
    not floating point, has other axes, is smaller than a window, or a window lies in the padding alone.
    """

    forward, backward = resample.forward, resample.backward

    def __init__(
        self,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        dilation: PerAxis = 1,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)
        self.count_include_pad = count_include_pad

    def plan(self, x: Spec) -> Arrays:
        window, y = self.windows(x)
        maps = window_means(window, x.shape[2:], y.shape[2:], self.count_include_pad)
        return Arrays({"y": y}, constants={"maps": maps})


class AvgPool1d(AvgPool):
    __doc__ = AvgPool.__doc__
    rank = 1


class AvgPool2d(AvgPool):
    __doc__ = AvgPool.__doc__
    rank = 2


class AvgPool3d(AvgPool):
    __doc__ = AvgPool.__doc__
    rank = 3


def require_planes(owner: object, x: Spec, rank: int) -> None:
    """GraphError unless x has planes of `rank` axes, with elements."""
    fits = x.is_float and len(x.shape) == rank + 2 and 0 not in x.shape[2:]
    axes = ", ".join(["batch", "channels", *("depth", "height", "width")[3 - rank :]])
    require(fits, owner, f"floating-point input of shape ({axes})", x)


def rounded_up(window: Window, extents: Extents) -> Extents:
    """Windows along each axis, a last one among them that begins in the array or before, and ends anywhere."""
    padded = zip(extents, window.padding, window.reach, window.stride, strict=True)
    counts = []
    for extent, (before, behind), reach, stride in padded:
        count = -(-(extent + before + behind - reach) // stride) + 1
        counts.append(count - ((count - 1) * stride >= extent + before))
    return tuple(counts)


def all_meet(window: Window, extents: Extents, places: Extents) -> bool:
    """Whether every window has an element of the array."""
    for axis, (extent, count) in enumerate(zip(extents, places, strict=True)):
        met = {o for _, windows, _ in along(window, axis, extent, count) for o in range(windows.start, windows.stop)}
        if len(met) < count:
            return False
    return True
