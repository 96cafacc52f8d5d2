"""Transposed convolutions, which have the passes of a convolution in the other direction, along one to three axes."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad import initializers
from fusegrad.graph import Arrays, Initializer, Param, Spec, require
from fusegrad.layers.choice import Activation
from fusegrad.layers.convolving import Convolving, divided, positive
from fusegrad.layers.sliding import Padding, PerAxis, per_axis, sliding
from fusegrad.ops import convolution
from fusegrad.ops.window import Extents, Window, same


class TransposedConvolution(Convolving):
    """y = f(h), h being bias and, for x, the input gradient of a convolution (Zeiler et al., 2010).

    Args:
        channels, kernel_size, activation, stride, dilation, groups, channels_in, bias, weight_init, bias_init: as in
            `Conv2d`; the default weights make Σ over terms of h as large as He's do.
        padding: of that convolution, by which y is smaller: as in `Conv2d`; with "same" an extent n becomes n · stride.
        output_padding: places that y has in addition, behind each axis; fewer than the stride, which leaves them open.

    Shapes: x (batch, channels_in, …), y (batch, channels, …), weight W (channels_in, channels / groups, …kernel), bias
    b (channels,).  An extent n becomes (n - 1) stride - before - behind + dilation (kernel - 1) + 1 + output_padding.
    Raises GraphError if x is not floating point, its axes or channels do not fit, or nothing would be left of y.
    """

    makers = convolution.transposed_forward, convolution.transposed_backward

    def __init__(
        self,
        channels: int,
        kernel_size: PerAxis,
        activation: Activation = None,
        *,
        stride: PerAxis = 1,
        padding: Padding = 0,
        output_padding: PerAxis = 0,
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
        of_group = divided(name, "channels", channels, groups)
        self.sliding = sliding(name, self.rank, kernel_size, stride, padding, dilation)
        self.output_padding = per_axis(name, "output_padding", output_padding, self.rank, least=0)
        steps = self.sliding.stride
        fits = all(more < step for more, step in zip(self.output_padding, steps, strict=True))
        require(fits, name, f"output_padding below the stride {steps}", output_padding)
        needless = self.sliding.padding == "same" and any(self.output_padding)
        require(not needless, name, 'no output_padding beside "same"', output_padding)
        self.title = f"{name}({channels}, {kernel_size}"
        if channels_in is not None:
            divided(name, "input channels", positive(name, "channels_in", channels_in), groups)
        extents = (channels_in, of_group, *self.sliding.kernel)
        self.weight = Param(extents, weight_init or he(groups, prod(steps)))
        self.bias = Param((channels,), bias_init, decay=False) if bias else None
        self.choose(activation)

    def plan(self, x: Spec) -> Arrays:
        self.check(x)
        divided(self, "input channels", x.shape[1], self.groups)
        extents, window = self.outcome(x.shape[2:])
        fits = self.weight.settle((x.shape[1], self.channels // self.groups, *window.kernel))
        require(fits, self, f"{self.weight.extents[0]} channels on axis 1", x.shape)
        return self.arrays(Spec((x.shape[0], self.channels, *extents), x.dtype), window, self.groups)

    def outcome(self, places: Extents) -> tuple[Extents, Window]:
        """The extents of y for those of x, and the window that slides along y."""
        given = self.sliding
        if given.padding == "same":
            extents = tuple(place * step for place, step in zip(places, given.stride, strict=True))
            pairs = same(extents, given.kernel, given.stride, given.dilation)
            return extents, Window(given.kernel, given.stride, given.dilation, pairs)
        window = Window(given.kernel, given.stride, given.dilation, given.padding)
        extents = tuple(
            (place - 1) * step + reach + more - before - behind
            for place, step, reach, more, (before, behind) in zip(
                places, window.stride, window.reach, self.output_padding, window.padding, strict=True
            )
        )
        require(all(extent > 0 for extent in extents), self, "padding that leaves some of the output", extents)
        return extents, window


def he(groups: int, stride: int) -> Initializer:
    """N(0, 2 / terms), for the terms of which a sum has channels_in / groups · kernel / stride on average."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
        terms = max(1.0, shape[0] / groups * prod(shape[2:]) / stride)
        return generator.normal(0, sqrt(2 / terms), shape)

    return draw


class ConvTranspose1d(TransposedConvolution):
    """y = f(h).  Shapes: x (batch, channels_in, length), W (channels_in, channels / groups, kernel)."""

    rank = 1


class ConvTranspose2d(TransposedConvolution):
    """y = f(h).  Shapes: x (batch, channels_in, height, width), W (channels_in, channels / groups, …kernel)."""

    rank = 2


class ConvTranspose3d(TransposedConvolution):
    """y = f(h).  Shapes: x (batch, channels_in, depth, height, width), W (channels_in, channels / groups, …kernel)."""

    rank = 3
