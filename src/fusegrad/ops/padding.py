"""What lies around an array: for every place along a padded axis, the place of the array that it repeats.

The modes are called as in NumPy and ONNX: "constant", "reflect" (about the entry at the edge), "edge" and "wrap".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

NOTHING = -1  # the place that an entry of padding repeats where it holds a constant
MODES = ("constant", "reflect", "edge", "wrap")


@dataclass(frozen=True)
class Run:
    """Neighbouring places of an axis, and those that they repeat: as many, in order or backwards, or all the same one.

    `sources` is None where they hold a constant.
    """

    places: slice
    sources: slice | None
    is_sum: bool  # whether all repeat one place


def sources(extent: int, before: int, after: int, mode: str) -> list[int]:
    """For each place of the padded axis the place of the array, or NOTHING; less than nothing before or after crops."""
    return [source(place, extent, mode) for place in range(-before, extent + after)]


def source(place: int, extent: int, mode: str) -> int:
    if 0 <= place < extent:
        return place
    match mode:
        case "edge":
            return 0 if place < 0 else extent - 1
        case "wrap":
            return place % extent
        case "reflect":
            period = max(1, 2 * (extent - 1))
            return min(place % period, period - place % period)
    return NOTHING


def runs(extent: int, before: int, after: int, mode: str) -> list[Run]:
    """The places of the padded axis, those of the array itself being a run of their own, in as few runs as can be."""
    if before == after == 0:
        return [Run(slice(0, extent), slice(0, extent), False)]
    repeated = sources(extent, before, after, mode)
    borders = {max(0, before), len(repeated) - max(0, after)}
    return [run(repeated, start, stop) for start, stop in pairwise([*starts(repeated, borders), len(repeated)])]


def starts(repeated: list[int], borders: set[int]) -> Iterator[int]:
    """Where runs begin: at borders, and where the step from one place to the next is another, or not -1, 0 or 1."""
    step: int | None = None
    for place, current in enumerate(repeated):
        before = repeated[place - 1] if place else NOTHING
        change = current - before
        alike = place > 0 and place not in borders and (current == NOTHING) == (before == NOTHING)
        if alike and change in (-1, 0, 1) and step in (None, change):
            step = change
        else:
            yield place
            step = None


def run(repeated: list[int], start: int, stop: int) -> Run:
    first, last = repeated[start], repeated[stop - 1]
    places = slice(start, stop)
    if first == NOTHING:
        return Run(places, None, False)
    if last < first:
        return Run(places, slice(first, last - 1 if last else None, -1), False)
    return Run(places, slice(first, last + 1), stop - start > 1 and first == last)
