"""Linear maps along one axis, in which every output is made of a few inputs: means over windows, and interpolation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

import numpy as np

from fusegrad.ops.window import Extents, Window

Row = tuple[tuple[int, float], ...]


class Diagonal(NamedTuple):
    """Terms y[outputs] += weights · x[inputs], for slices of as many elements as there are weights."""

    outputs: slice
    inputs: slice
    weights: tuple[float, ...]


@dataclass(frozen=True)
class AxisMap:
    """y[o] = Σ weight · x[i] over the pairs (i, weight) of rows[o], for an x of `inputs` elements.

    Where rows repeat, each `period` of them `advance` inputs further on, is worth knowing, and nothing depends on it.
    """

    inputs: int
    rows: tuple[Row, ...]
    period: int = 1
    advance: int = 1

    @property
    def is_identity(self) -> bool:
        return self.rows == tuple(((i, 1.0),) for i in range(self.inputs))

    def transposed(self) -> AxisMap:
        """The map of gradients."""
        columns: list[list[tuple[int, float]]] = [[] for _ in range(self.inputs)]
        for o, row in enumerate(self.rows):
            for i, weight in row:
                columns[i].append((o, weight))
        return AxisMap(len(self.rows), tuple(map(tuple, columns)), self.advance, self.period)

    def diagonals(self) -> Iterator[Diagonal]:
        """All terms, in runs of which each goes on where rows repeat."""
        weights = {(o, i): weight for o, row in enumerate(self.rows) for i, weight in row}
        for o, i in weights:
            if (o - self.period, i - self.advance) not in weights:
                count = 1
                while (o + count * self.period, i + count * self.advance) in weights:
                    count += 1
                run = [(o + n * self.period, i + n * self.advance) for n in range(count)]
                yield Diagonal(
                    slice(o, run[-1][0] + 1, self.period),
                    slice(i, run[-1][1] + 1, self.advance),
                    tuple(weights[pair] for pair in run),
                )


def tables(maps: tuple[AxisMap, ...], dtype: str) -> tuple[Any, Any, Any]:
    """starts, sources, weights: of three axes after each other, of which those that are missing have one element.

    What goes to an output are sources and weights from its start up to the next one.
    """
    rows = [row for of_axis in [AxisMap(1, (((0, 1.0),),))] * (3 - len(maps)) + [*maps] for row in of_axis.rows]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    pairs = [pair for row in rows for pair in row]
    sources, weights = [i for i, _ in pairs], [weight for _, weight in pairs]
    return np.array(starts, "int32"), np.array(sources, "int32"), np.array(weights, dtype)


def window_means(window: Window, extents: Extents, places: Extents, count_include_pad: bool) -> tuple[AxisMap, ...]:
    """Means over the elements of each window; `count_include_pad` says whether padding, which is 0, counts, too.

    What lies behind the padding never does.
    """
    return tuple(
        window_mean(window, axis, extents[axis], places[axis], count_include_pad) for axis in range(window.rank)
    )


def window_mean(window: Window, axis: int, extent: int, places: int, count_include_pad: bool) -> AxisMap:
    stride, (before, behind) = window.stride[axis], window.padding[axis]
    offsets = [k * window.dilation[axis] - before for k in range(window.kernel[axis])]
    low, high = (-before, extent + behind) if count_include_pad else (0, extent)
    rows = []
    for o in range(places):
        met = [o * stride + offset for offset in offsets]
        count = sum(low <= i < high for i in met)
        rows.append(tuple((i, 1 / count) for i in met if 0 <= i < extent))
    return AxisMap(extent, tuple(rows), 1, stride)


def adaptive_mean(extent: int, places: int) -> AxisMap:
    """Means over `places` stretches of an axis: from ⌊o extent / places⌋ up to ⌈(o + 1) extent / places⌉."""
    rows = []
    for o in range(places):
        met = range(o * extent // places, -(-(o + 1) * extent // places))
        rows.append(tuple((i, 1 / len(met)) for i in met))
    return repeating(extent, rows, Fraction(extent, max(1, places)))


def nearest(extent: int, places: int, step: Fraction) -> AxisMap:
    """x[⌊o step⌋], for a step from output to output in inputs."""
    rows = [((min(floor(o * step), extent - 1), 1.0),) for o in range(places)]
    return repeating(extent, rows, step)


def linear(extent: int, places: int, step: Fraction) -> AxisMap:
    """Interpolation between centres of elements, at (o + 1/2) step - 1/2; beyond the outermost ones they go on."""
    return interpolation(extent, places, step, lambda o: (o + Fraction(1, 2)) * step - Fraction(1, 2))


def linear_between_corners(extent: int, places: int) -> AxisMap:
    """Interpolation at places that are equally far apart, from the first element to the last."""
    step = Fraction(extent - 1, max(1, places - 1))
    return interpolation(extent, places, step, lambda o: o * step)


def interpolation(extent: int, places: int, step: Fraction, position: Callable[[int], Fraction]) -> AxisMap:
    rows = []
    for o in range(places):
        at = min(max(position(o), Fraction(0)), Fraction(extent - 1))
        i, part = floor(at), float(at - floor(at))
        rows.append(((i, 1 - part), (i + 1, part)) if part else ((i, 1.0),))
    return repeating(extent, rows, step)


def repeating(extent: int, rows: Sequence[Row], step: Fraction) -> AxisMap:
    """With `step` inputs from row to row; none where it is 0, as for a single input."""
    return AxisMap(extent, tuple(rows), step.denominator, max(1, step.numerator))
