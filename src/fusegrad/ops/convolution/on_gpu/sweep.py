"""What kernels/convolution.cuh is told of windows: a struct that a launch takes by value, and a table of phases."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import gcd, prod
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.ops.window import Window

AXES = 3
LONGEST = 2**31 - 256  # elements of a sample, and places of all samples: they are counted by integers of 32 bits
DIVISOR = np.dtype([("by", "i4"), ("factor", "u4"), ("shift", "u4")])
COUNTS = "places", "taps"
NUMBERS = "extent", "step", "gap", "y_extent", "stride", "kernel", "tap_step"
AXIS = np.dtype([*((name, DIVISOR) for name in COUNTS), *((name, "i4") for name in NUMBERS)])
PLANES = [("sample", "i8"), ("y_sample", "i8"), ("plane", "i4"), ("y_plane", "i4")]
SWEEP = np.dtype([*PLANES, ("channels", DIVISOR), ("places", DIVISOR), ("axes", AXIS, (AXES,))], align=True)
Phase = tuple[int, int, int, int]  # along one axis: first element of y, start in x, first tap, number of taps
WHOLE: Phase = 0, 0, 0, 1  # of an axis that is missing
NO_AXIS = dict.fromkeys(("places", "taps", *NUMBERS), 1)


@dataclass(frozen=True, eq=False)
class Sweep:
    """How windows go over x: `struct`, an array without axes, and `phases`, (number, 4, 3), on the device."""

    struct: Any
    phases: Any
    places: int  # of all samples
    taps: int  # the most of a phase

    @property
    def arguments(self) -> tuple[Any, Any]:
        return self.struct, self.phases


def of_windows(x: Any, y: Any, window: Window, groups: int) -> Sweep:
    """How y = x * weight sees x."""
    entries = zip(window.kernel, window.stride, window.dilation, window.padding, x.shape[2:], y.shape[2:], strict=True)
    axes, phases = [], []
    for kernel, stride, dilation, (before, _), extent, y_extent in entries:
        axes.append(axis(y_extent, kernel, extent, stride, dilation, y_extent, 1, kernel, 1))
        phases.append([(0, -before, 0, kernel)])
    return made(x, y, groups, axes, phases)


def of_gradient(dy: Any, dx: Any, window: Window, groups: int) -> Sweep:
    """How the gradient by x sees dy: an element of dx and a tap see one of dy, if the stride divides their distance."""
    entries = zip(
        window.kernel, window.stride, window.dilation, window.padding, dx.shape[2:], dy.shape[2:], strict=True
    )
    axes, phases = [], []
    for kernel, stride, dilation, (before, _), extent, y_extent in entries:
        common = gcd(stride, dilation)
        tap_step, gap = stride // common, -(dilation // common)
        most = -(-kernel // tap_step)
        axes.append(axis(-(-extent // stride), most, y_extent, 1, gap, extent, stride, kernel, tap_step))
        firsts = range(max(1, min(stride, extent)))
        phases.append([phase(first, kernel, stride, dilation, before) for first in firsts])
    return made(dy, dx, groups, axes, phases)


def phase(first: int, kernel: int, stride: int, dilation: int, before: int) -> Phase:
    """What the elements of dx that are a stride apart, from the `first` one on, see of dy along an axis."""
    common = gcd(stride, dilation)
    tap_step, place = stride // common, first + before
    # The least tap for which the stride divides place - tap · dilation, if it divides that for any.
    tap = place // common * pow(dilation // common, -1, tap_step) % tap_step
    if place % common or tap >= kernel:
        return first, 0, 0, 0
    return first, (place - tap * dilation) // stride, tap, len(range(tap, kernel, tap_step))


def axis(*values: int) -> dict[str, int]:
    return dict(zip((*COUNTS, *NUMBERS), values, strict=True))


def made(x: Any, y: Any, groups: int, axes: list[dict[str, int]], phases: list[list[Phase]]) -> Sweep:
    """ValueError where sizes are too large."""
    places = prod(axis["places"] for axis in axes)
    sample, y_sample = prod(x.shape[1:]), prod(y.shape[1:])
    if max(sample, y_sample, len(x) * places) > LONGEST:
        raise ValueError(
            f"a convolution expects samples, and places of all samples, of up to {LONGEST} elements, "
            f"got {x.shape} and {y.shape}"
        )
    struct = np.zeros((), SWEEP)
    struct["sample"], struct["y_sample"] = sample, y_sample
    struct["plane"], struct["y_plane"] = prod(x.shape[2:]), prod(y.shape[2:])
    struct["channels"], struct["places"] = divisor(x.shape[1] // groups), divisor(places)
    missing = AXES - len(axes)
    for place, values in zip(struct["axes"], [NO_AXIS] * missing + axes, strict=True):
        for name, value in values.items():
            place[name] = divisor(value) if name in COUNTS else value
    table = np.array(list(product(*[[WHOLE]] * missing, *phases)), "int32")
    on_device = namespace(x).asarray(np.ascontiguousarray(table.swapaxes(1, 2)))
    return Sweep(struct, on_device, len(x) * places, prod(axis["taps"] for axis in axes))


def divisor(by: int) -> tuple[int, int, int]:
    """How to divide n < 2^31 by a multiplication: with 2^shift >= by / 2, n · factor / 2^(32 + shift) is exact.

    (T. Granlund and P. Montgomery, Division by Invariant Integers using Multiplication, 1994.)
    """
    if by < 2:  # by 1 nothing is computed, and by 0 nothing is divided: then there are no places, or no channels
        return by, 0, 0
    shift = (by - 1).bit_length() - 1
    return by, -(-(1 << 32 + shift) // by), shift
