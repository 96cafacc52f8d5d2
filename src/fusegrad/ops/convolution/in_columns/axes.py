"""How the places of a result read a source along one axis, and how the source is copied so that each tap is one shift.

A convolution reads x at o · stride + k · dilation - before.  Its input gradient consists, for each remainder of the
stride, of places that read dy with steps of 1.  Both are an `Axis`, and a product needs no more of them.

The copy is split into phases, one for each remainder of the step, and in each the places of a tap follow one another;
so do those of all axes, once rows are laid end to end with a pitch.  What lies between the places of two rows is
computed, too, and left aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import gcd

from fusegrad.ops.window import Extents, Window

Axes = tuple["Axis", ...]


@dataclass(frozen=True)
class Axis:
    """Places, of which the j-th reads the elements j · step + shift, of `extent` that there are; others are 0."""

    extent: int
    places: int
    step: int
    shifts: Extents

    @cached_property
    def low(self) -> int:
        return min(self.shifts)

    @cached_property
    def span(self) -> int:
        """Elements from the first to the last that is read."""
        return (self.places - 1) * self.step + max(self.shifts) - self.low + 1

    @cached_property
    def lines(self) -> int:
        """Elements of a phase of the copy."""
        return -(-self.span // self.step)

    @cached_property
    def pitch(self) -> int:
        """From row to row in the copy.

        Without steps, zeros in front of a row serve the row before as its zeros behind.
        """
        if self.step > 1:
            return self.lines
        zeros = max(0, -self.low)
        return max(self.places, min(self.extent - self.low, self.span), self.span - zeros)

    @cached_property
    def phases(self) -> Extents:
        """The remainders that occur."""
        return tuple(sorted({(shift - self.low) % self.step for shift in self.shifts}))

    def taps(self) -> list[tuple[int, int]]:
        """Phase and line at which the places of each shift begin."""
        return [((shift - self.low) % self.step, (shift - self.low) // self.step) for shift in self.shifts]

    def inside(self, phase: int) -> tuple[slice, slice]:
        """The elements of the source that are in a phase, and the lines that they are on."""
        start = max(self.low, 0)
        start += (self.low + phase - start) % self.step
        stop = max(0, min(self.extent, self.low + self.span))
        line = (start - self.low) // self.step
        return slice(start, stop, self.step), slice(line, line + len(range(start, stop, self.step)))

    def part(self, places: slice) -> Axis:
        """The axis with these places alone."""
        moved = tuple(shift + places.start * self.step for shift in self.shifts)
        return Axis(self.extent, places.stop - places.start, self.step, moved)


def reading(window: Window, extents: Extents, places: Extents) -> Axes:
    """How a convolution reads its input."""
    return tuple(
        Axis(extent, count, step, tuple(k * gap - before for k in range(size)))
        for extent, count, size, step, gap, (before, _) in zip(
            extents, places, window.kernel, window.stride, window.dilation, window.padding, strict=True
        )
    )


@dataclass(frozen=True)
class Part:
    """Places of an input that are read with the same remainder of the stride: which, with what taps, and of what."""

    places: tuple[slice, ...]
    taps: tuple[slice, ...]
    axes: Axes


def parts(window: Window, extents: Extents, places: Extents) -> Iterator[Part]:
    """How the gradient of an input of `extents` reads dy: all that windows see is in one part, and in one alone."""
    of_axes = [
        list(axis_parts(*axis))
        for axis in zip(
            extents, places, window.kernel, window.stride, window.dilation, (b for b, _ in window.padding), strict=True
        )
    ]
    for entries in product(*of_axes):
        yield Part(*zip(*entries, strict=True))


def axis_parts(
    extent: int, places: int, size: int, step: int, gap: int, before: int
) -> Iterator[tuple[slice, slice, Axis]]:
    """The element i is seen by tap k at the place (i + before - k · gap) / step, where that is whole."""
    every = step // gcd(step, gap)  # taps lie apart that see the same remainder
    for tap in range(min(size, every)):
        first = (tap * gap - before) % step
        if first < extent:
            shifts = tuple((first + before - k * gap) // step for k in range(tap, size, every))
            count = len(range(first, extent, step))
            yield slice(first, None, step), slice(tap, None, every), Axis(places, count, 1, shifts)
