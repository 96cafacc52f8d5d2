"""The columns of a product: what all taps of a window see at some places of some samples, with taps as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from fusegrad.ops.convolution.in_columns.axes import Axes

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Shapes of the columns of `samples` samples, and of the copy that they are made of."""

    axes: Axes
    channels: int
    samples: int

    @property
    def pitches(self) -> Shape:
        return tuple(axis.pitch for axis in self.axes[1:])

    @property
    def grid(self) -> Shape:
        """Places and, between them, what is left aside."""
        return (self.axes[0].places, *self.pitches)

    @property
    def units(self) -> Shape:
        """From place to place along each axis."""
        return tuple(prod(self.pitches[axis:]) for axis in range(len(self.axes)))

    @property
    def phases(self) -> list[Shape]:
        return list(product(*(axis.phases for axis in self.axes)))

    @property
    def padded(self) -> Shape:
        """Of the copy, with as many rows more as taps reach beyond the last row."""
        rest = sum((axis.lines - axis.places) * unit for axis, unit in zip(self.axes[1:], self.units[1:], strict=True))
        rows = self.axes[0].lines - (-rest // self.units[0])
        return (len(self.phases), self.channels, self.samples, rows, *self.pitches)

    @property
    def columns(self) -> Shape:
        taps = prod(len(axis.shifts) for axis in self.axes)
        return (self.channels, taps, self.samples, *self.grid)

    @property
    def within(self) -> tuple[slice, ...]:
        """The places among the grid."""
        return tuple(slice(axis.places) for axis in self.axes)

    def result(self, rows: int) -> Shape:
        """Of a product of `rows` rows and the columns."""
        return (rows, self.samples, *self.grid)

    def size(self, rows: int) -> int:
        """Elements of the columns, their copy, and the result of so many rows."""
        return prod(self.padded) + prod(self.columns) + prod(self.result(rows))


class Columns:
    """The arrays of a layout, to be filled from a source again and again."""

    def __init__(self, layout: Layout, padded: Any, columns: Any) -> None:
        self.padded, self.columns = padded, columns
        self.loads = list(self.loaded(layout))
        self.copies = list(self.shifted(layout))
        self.gaps = list(self.between(layout))

    def loaded(self, layout: Layout) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """For each phase, where the elements of the source go, and which they are."""
        for number, phase in enumerate(layout.phases):
            inside = [axis.inside(remainder) for axis, remainder in zip(layout.axes, phase, strict=True)]
            yield self.padded[(number, ..., *(lines for _, lines in inside))], (..., *(known for known, _ in inside))

    def shifted(self, layout: Layout) -> Iterator[tuple[Any, Any]]:
        """For each tap, its rows of the columns and the stretch of the copy that they are."""
        channels, taps, samples, *grid = layout.columns
        width = prod(grid)
        rows = self.columns.reshape(channels, taps, samples, width)
        flat = self.padded.reshape(*layout.padded[:3], prod(layout.padded[3:]))
        numbers = {phase: number for number, phase in enumerate(layout.phases)}
        for tap, entries in enumerate(product(*(axis.taps() for axis in layout.axes))):
            number = numbers[tuple(phase for phase, _ in entries)]
            start = sum(line * unit for (_, line), unit in zip(entries, layout.units, strict=True))
            yield rows[:, tap], flat[number, :, :, start : start + width]

    def between(self, layout: Layout) -> Iterator[Any]:
        """The columns that are left aside."""
        for number, axis in enumerate(layout.axes[1:], 1):
            if axis.pitch > axis.places:
                every = (slice(None),) * (len(layout.axes) - 1 - number)
                yield self.columns[(..., slice(axis.places, None), *every)]

    def matrices(self, groups: int) -> Any:
        """The columns of each group, (groups, terms, places)."""
        channels, taps, *places = self.columns.shape
        return self.columns.reshape(groups, channels // groups * taps, prod(places))

    def clear(self) -> None:
        """What surrounds the source is 0, until another layout uses the space."""
        self.padded.fill(0)

    def fill(self, source: Any) -> None:
        """Make the columns of these samples, (samples, channels, …)."""
        for target, index in self.loads:
            np.copyto(target, source[index].swapaxes(0, 1))
        for rows, stretch in self.copies:
            np.copyto(rows, stretch)

    def clear_between(self) -> None:
        """Before a sum over columns, where what is left aside is multiplied by 0: NaN and infinity would remain."""
        if self.gaps and not np.isfinite(self.padded.sum()):
            for gap in self.gaps:
                gap.fill(0)
