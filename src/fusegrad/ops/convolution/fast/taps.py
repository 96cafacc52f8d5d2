"""Which places of a padded plane of vectors every output of a convolution, or of its transpose, is made of.

A tap is a distance in the plane, the same for every output that sees it: so a stride, a gap, or a border that needs no
multiplication by zero are numbers in a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from fusegrad.ops.window import Window

Extents = tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """What outputs of one axis see: the taps of each, and the place of the buffer that the first tap of all is at.

    Output i sees tap k at bases[i] + distances[k], for every k in taps[i].  Place p of what is read is place p + before
    of the buffer, which has `extent` of them; what the next strip of outputs sees is read `advance` places on.
    """

    bases: tuple[int, ...]
    taps: tuple[tuple[int, ...], ...]
    distances: tuple[int, ...]
    before: int
    extent: int
    advance: int


@dataclass(frozen=True)
class Windows:
    """What a convolution sees: output o has tap k at o · stride + k · dilation of the padded input."""

    window: Window

    @property
    def grain(self) -> int:
        """Outputs of which a strip has a multiple."""
        return 1

    def along(self, axis: int, outputs: int) -> Axis:
        kernel, stride, gap, before = numbers(self.window, axis)
        bases = tuple(range(0, outputs * stride, stride))
        taps = (tuple(range(kernel)),) * outputs
        extent = (outputs - 1) * stride + self.window.reach[axis]
        return Axis(bases, taps, tuple(range(0, kernel * gap, gap)), before, extent, outputs * stride)

    def weights(self, groups: int, outer: int, inner: int) -> Any:
        """Places in the weight by group, channel that is written, channel that is read, and tap."""
        shape = groups, outer, inner, self.window.size
        return np.arange(prod(shape)).reshape(shape)


@dataclass(frozen=True)
class Inputs:
    """What its transpose sees: input i is tap k of output (i + before - k · dilation) / stride, where that is whole."""

    window: Window

    @property
    def grain(self) -> int:
        """Outputs of which a strip has a multiple: so all strips begin with the same taps."""
        return self.window.stride[0]

    def along(self, axis: int, outputs: int) -> Axis:
        kernel, stride, gap, before = numbers(self.window, axis)
        distances = tuple(-(k * gap // stride) for k in range(kernel))
        lowest = before // stride + min(distances)
        places = range(before, before + outputs)
        bases = tuple(place // stride - lowest for place in places)
        taps = tuple(tuple(k for k in range(kernel) if (place - k * gap) % stride == 0) for place in places)
        return Axis(bases, taps, distances, -lowest, max(bases) + 1, outputs // stride)

    def weights(self, groups: int, outer: int, inner: int) -> Any:
        """Places in the weight by group, channel that is written, channel that is read, and tap."""
        shape = groups, inner, outer, self.window.size
        return np.arange(prod(shape)).reshape(shape).swapaxes(1, 2)


Seen = Windows | Inputs


def numbers(window: Window, axis: int) -> tuple[int, int, int, int]:
    """Kernel, stride, dilation, and padding before, along an axis."""
    return window.kernel[axis], window.stride[axis], window.dilation[axis], window.padding[axis][0]


def without_border(axis: Axis, extent: int) -> Axis:
    """The same without taps that lie before or behind the `extent` places that there are."""
    inside = range(axis.before, axis.before + extent)
    pairs = zip(axis.bases, axis.taps, strict=True)
    return replace(axis, taps=tuple(tuple(k for k in ks if base + axis.distances[k] in inside) for base, ks in pairs))


def positions_of(axes: tuple[Axis, ...]) -> Any:
    """Where the first tap of every output is, in places."""
    steps = strides(tuple(axis.extent for axis in axes))
    return combined([np.array(axis.bases) * step for axis, step in zip(axes, steps, strict=True)])


def distances_of(axes: tuple[Axis, ...]) -> Any:
    """The distance of every tap of the window, in places."""
    steps = strides(tuple(axis.extent for axis in axes))
    return combined([np.array(axis.distances) * step for axis, step in zip(axes, steps, strict=True)])


def strides(extents: Extents) -> Extents:
    """From place to place along each axis."""
    return tuple(prod(extents[i + 1 :]) for i in range(len(extents)))


def combined(axes: list[Any]) -> Any:
    """The sums of one number of each axis, in C order."""
    total = axes[0]
    for axis in axes[1:]:
        total = (total[:, None] + axis).reshape(-1)
    return total
