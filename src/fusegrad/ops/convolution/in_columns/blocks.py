"""What is computed at once of a product by columns: some samples, or some rows of one sample that is large."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fusegrad.ops.convolution.in_columns.axes import Axes
from fusegrad.ops.convolution.in_columns.columns import Layout


@dataclass(frozen=True)
class Block:
    """What is computed at once, again and again: a layout, its places along the first axis, and of which samples."""

    layout: Layout
    places: slice
    samples: tuple[slice, ...]


def blocks(axes: Axes, channels: int, samples: int, rows: int, room: int) -> list[Block]:
    """All places of all samples, in blocks of as many samples, or places of one, as fit.

    `room` is what the columns, their copy and a result of `rows` rows may have of elements; a block has at least one
    place of the first axis.
    """
    one = Layout(axes, channels, 1)
    size = one.size(rows)
    if size <= room:
        cuts = evenly(samples, room // max(1, size))
        lengths = dict.fromkeys(cut.stop - cut.start for cut in cuts)
        every = slice(0, axes[0].places)
        return [Block(replace(one, samples=n), every, tuple(c for c in cuts if c.stop - c.start == n)) for n in lengths]
    each = tuple(evenly(samples, 1))
    cuts = evenly(axes[0].places, max(1, axes[0].places * room // size))
    return [Block(replace(one, axes=(axes[0].part(cut), *axes[1:])), cut, each) for cut in cuts]


def evenly(count: int, most: int) -> list[slice]:
    """0 .. count in as few pieces of at most `most` as there can be, equal but for the last."""
    length = -(-count // max(1, -(-count // most)))
    return [slice(start, min(start + length, count)) for start in range(0, count, max(1, length))]
