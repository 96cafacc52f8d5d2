"""Convolutions in which every channel has a window of its own."""

from __future__ import annotations

from fusegrad import initializers
from fusegrad.graph import Arrays, Initializer, Param, Spec, require
from fusegrad.layers.choice import Activation
from fusegrad.layers.convolving import Convolving, positive
from fusegrad.layers.sliding import Padding, PerAxis, sliding
from fusegrad.ops import convolution


class DepthwiseConvolution(Convolving):
    """y = f(x * W + b), where every channel of x has windows of its own and makes `multiplier` channels of y.

    Args:
        kernel_size, activation, stride, padding, dilation, channels_in, bias, weight_init, bias_init: as in `Conv2d`.
        multiplier: channels of y for each of x.

    Shapes: x (batch, channels_in, …), y (batch, channels, …) with channels = channels_in · multiplier, weight W
    (channels, 1, …kernel), bias b (channels,).  Raises GraphError as `Conv2d` does.
    """

    makers = convolution.forward, convolution.backward

    def __init__(
        self,
        kernel_size: PerAxis,
        activation: Activation = None,
        *,
        multiplier: int = 1,
        stride: PerAxis = 1,
        padding: Padding = 0,
        dilation: PerAxis = 1,
        channels_in: int | None = None,
        bias: bool = True,
        weight_init: Initializer | None = None,
        bias_init: Initializer = initializers.zeros,
    ) -> None:
        name = type(self).__name__
        self.multiplier = multiplier = positive(name, "multiplier", multiplier)
        self.sliding = sliding(name, self.rank, kernel_size, stride, padding, dilation)
        self.title = f"{name}({kernel_size}"
        channels = None if channels_in is None else positive(name, "channels_in", channels_in) * multiplier
        self.weight = Param((channels, 1, *self.sliding.kernel), weight_init or initializers.he_normal())
        self.bias = Param((channels,), bias_init, decay=False) if bias else None
        self.choose(activation)

    def plan(self, x: Spec) -> Arrays:
        self.check(x)
        window = self.sliding.window(self, x.shape[2:])
        channels = x.shape[1] * self.multiplier
        fits = self.weight.settle((channels, 1, *window.kernel))
        require(fits, self, f"{(self.weight.extents[0] or 0) // self.multiplier} channels on axis 1", x.shape)
        if self.bias is not None:
            self.bias.settle((channels,))
        y = Spec((x.shape[0], channels, *window.outputs(x.shape[2:])), x.dtype)
        return self.arrays(y, window, x.shape[1])


class DepthwiseConv1d(DepthwiseConvolution):
    """y = f(x * W + b), by channels.  Shapes: x (batch, channels_in, length), W (channels, 1, kernel)."""

    rank = 1


class DepthwiseConv2d(DepthwiseConvolution):
    """y = f(x * W + b), by channels.  Shapes: x (batch, channels_in, height, width), W (channels, 1, …kernel)."""

    rank = 2
