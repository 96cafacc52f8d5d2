"""Which part of an array is in which element of a vector, for the fast convolution.

Every element of a vector is a lane, and works on an image of its own: so no position and no channel wants to be a
multiple of the vector's width, and every vector lies as the machine likes it.  Where there are fewer images than lanes,
or one is too large for a cache, an image is cut into strips of its first axis, which are lanes of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

Extents = tuple[int, ...]


@dataclass(frozen=True)
class Lanes:
    """`batch` images, cut into `strips` of `rows` each, in blocks of `count` lanes."""

    count: int
    batch: int
    strips: int
    rows: int

    @property
    def blocks(self) -> int:
        return -(-self.batch * self.strips // self.count)

    def homes(self) -> tuple[Any, Any, Any]:
        """For every lane of every block: the image, the strip of it, and whether there is one."""
        lane = np.arange(self.blocks * self.count).reshape(self.blocks, self.count)
        return (*np.divmod(lane, self.strips), lane < self.batch * self.strips)


class Whole(NamedTuple):
    """Where the places of a strip begin in an array, in bytes, and how many there are, by block and lane."""

    starts: Any
    counts: Any


class Padded(NamedTuple):
    """Rows of an array, by block, row and lane, and the places where they go in a padded plane of vectors, in bytes.

    A row that a strip does not have counts 0 and is filled with zeros, as are the places in `pads`.
    """

    starts: Any
    counts: Any
    places: Any
    pads: Any
    columns: int


def whole(lanes: Lanes, channels: int, extents: Extents) -> Whole:
    image, strip, there = lanes.homes()
    size, places = prod(extents), lanes.rows * prod(extents[1:])
    starts = (image * channels * size + strip * places) * 4
    counts = np.clip(size - strip * places, 0, places)
    return Whole(np.where(there, starts, 0), np.where(there, counts, 0))


def padded(lanes: Lanes, channels: int, extents: Extents, before: Extents, buffer: Extents, advance: int) -> Padded:
    """Place i of an axis is place i + before of the buffer, where that is within; each strip is `advance` rows on."""
    row, sources, inside = rows_of(extents, before, buffer, lanes, advance)
    image, _, there = lanes.homes()
    skipped = max(0, -before[-1])
    taken = max(0, min(extents[-1] - skipped, buffer[-1] - max(0, before[-1])))
    base = image * channels * prod(extents)
    starts = (base[:, None, :] + sources * extents[-1] + skipped) * 4
    inside &= there[:, None, :]
    places = row * buffer[-1] + max(0, before[-1])
    free = np.ones(prod(buffer), bool)
    free[(places[:, None] + np.arange(taken)).reshape(-1)] = False
    size = 4 * lanes.count
    starts, counts = np.where(inside, starts, 0), np.where(inside, taken, 0)
    return Padded(starts, counts, places * size, np.flatnonzero(free) * size, taken)


def rows_of(extents: Extents, before: Extents, buffer: Extents, lanes: Lanes, advance: int) -> tuple[Any, Any, Any]:
    """Rows of the buffer that any image has, their rows of the image by block, row and lane, and which are there."""
    if len(extents) == 1:
        nothing = np.zeros((lanes.blocks, 1, lanes.count), int)
        return np.zeros(1, int), nothing, nothing == 0
    axes = np.indices(buffer[:-1]).reshape(len(buffer) - 1, -1)
    within = np.ones(axes.shape[1], bool)
    inner = np.zeros(axes.shape[1], int)
    for axis in range(1, len(axes)):
        place = axes[axis] - before[axis]
        within &= (place >= 0) & (place < extents[axis])
        inner = inner * extents[axis] + place
    _, strip, _ = lanes.homes()
    first = axes[0][:, None] - before[0] + advance * strip[:, None, :]
    there = (first >= 0) & (first < extents[0])
    kept = within & there.any(axis=(0, 2))
    sources = first * prod(extents[1:-1]) + inner[:, None]
    return np.flatnonzero(kept), sources[:, kept], there[:, kept]
