"""Convolutions, which are correlations as everywhere in this field, along one, two or three axes."""

from __future__ import annotations

from fusegrad import initializers
from fusegrad.graph import Arrays, Initializer, Param, Spec, require
from fusegrad.layers.choice import Activation
from fusegrad.layers.convolving import Convolving, divided, positive
from fusegrad.layers.sliding import Padding, PerAxis, sliding
from fusegrad.ops import convolution


class Convolution(Convolving):
    """y = f(x * W + b) along the last axes, of which the classes below have one, two or three.

    Args:
        channels: of the output.
        kernel_size: places of the window, a number for all axes or one for each.
        activation: f, as a layer (`ReLU()`), a function of `fg.expr`, or a name ("gelu"); default: none.  It makes no
            difference to what runs whether it stands here or is the next layer.
        stride, dilation: steps from window to window, and from place to place within one; given like kernel_size.
        padding: zeros around x: a number for all axes, or for each axis a number or (before, behind); "valid" for none;
            "same" for so many that there are ceil(extent / stride) outputs, one more behind where they are odd.
        groups: of channels; each group of the output is made from one group of the input.
        channels_in: of the input; default: what the first call brings.
        bias: whether b is there.
        weight_init, bias_init: initializers; default He (He et al., 2015, arXiv:1502.01852) and zeros.

    Shapes: x (batch, channels_in, …), y (batch, channels, …), weight W (channels, channels_in / groups, …kernel), bias
    b (channels,), all of x's dtype.  An extent n becomes (n + before + behind - dilation (kernel - 1) - 1) // stride
    + 1.  Raises GraphError if x is not floating point, its axes or channels do not fit, or no window fits into it.
    """

    makers = convolution.forward, convolution.backward

    def __init__(
        self,
        channels: int,
        kernel_size: PerAxis,
        activation: Activation = None,
        *,
        stride: PerAxis = 1,
        padding: Padding = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        channels_in: int | None = None,
        bias: bool = True,
        weight_init: Initializer | None = None,
        bias_init: Initializer = initializers.zeros,
    ) -> None:
        name = type(self).__name__
        self.channels = channels = positive(name, "channels", channels)
        self.groups = groups = positive(name, "groups", groups)
        divided(name, "channels", channels, groups)
        self.sliding = sliding(name, self.rank, kernel_size, stride, padding, dilation)
        self.title = f"{name}({channels}, {kernel_size}"
        of_group = None
        if channels_in is not None:
            of_group = divided(name, "input channels", positive(name, "channels_in", channels_in), groups)
        self.weight = Param((channels, of_group, *self.sliding.kernel), weight_init or initializers.he_normal())
        self.bias = Param((channels,), bias_init, decay=False) if bias else None
        self.choose(activation)

    def plan(self, x: Spec) -> Arrays:
        self.check(x)
        of_group = divided(self, "input channels", x.shape[1], self.groups)
        window = self.sliding.window(self, x.shape[2:])
        fits = self.weight.settle((self.channels, of_group, *window.kernel))
        require(fits, self, f"{(self.weight.extents[1] or 0) * self.groups} channels on axis 1", x.shape)
        y = Spec((x.shape[0], self.channels, *window.outputs(x.shape[2:])), x.dtype)
        return self.arrays(y, window, self.groups)


class Conv1d(Convolution):
    """y = f(x * W + b).  Shapes: x (batch, channels_in, length), W (channels, channels_in / groups, kernel)."""

    rank = 1


class Conv2d(Convolution):
    """y = f(x * W + b).  Shapes: x (batch, channels_in, height, width), W (channels, channels_in / groups, …kernel)."""

    rank = 2


class Conv3d(Convolution):
    """y = f(x * W + b).  Shapes: x (batch, channels_in, depth, height, width), W as in `Conv2d`."""

    rank = 3
