"""How a product of the fast convolution is divided: into lanes, strips and tiles."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from fusegrad.ops.convolution.fast.lanes import Lanes
from fusegrad.ops.convolution.fast.taps import Axis, Seen, without_border

TILES = {32: {8: 3, 6: 4, 4: 6, 2: 8, 1: 8}, 16: {4: 3, 2: 5, 1: 8}}  # by registers: channels and outputs of a tile
SLOWER = {1: 1.6, 2: 1.2}  # tiles of few channels, which wait for the cache
LARGE = 1 << 22  # bytes of a block of images that are far from the core
READING, WRITING = 8, 8  # multiplications that laying a place into a buffer, and writing an output, take as long as


@dataclass(frozen=True)
class Sizes:
    """Extents and channels of one product: what is read, what is written, and channels of a group of both."""

    batch: int
    groups: int
    inner: int
    outer: int
    read: tuple[int, ...]
    written: tuple[int, ...]

    @property
    def row(self) -> int:
        """Outputs of one place of the first axis."""
        return prod(self.written[1:])


def tile(outer: int, registers: int) -> tuple[int, int]:
    """Channels and outputs of a tile, such that the fewest channels are computed for nothing."""
    sizes = TILES[registers]
    rows = min(sizes, key=lambda rows: (-(-outer // rows) * rows * SLOWER.get(rows, 1.0), -rows))
    return rows, sizes[rows]


def divided(sizes: Sizes, seen: Seen, count: int, workers: int, kept: int) -> tuple[Lanes, tuple[Axis, ...]]:
    """The images in `count` lanes, cut into as many strips as make the work shortest; and what outputs of one see.

    `kept` channels of what is written lie in the cache, too.
    """
    rest = tuple(seen.along(axis, sizes.written[axis]) for axis in range(1, len(sizes.written)))

    def cost(lanes: Lanes) -> float:
        axes = (seen.along(0, lanes.rows), *rest)
        read = prod(axis.extent for axis in axes) * sizes.groups * sizes.inner
        nbytes = 4 * count * (read + kept * sizes.groups * lanes.rows * sizes.row)
        rounds = -(-lanes.blocks // workers)
        return rounds * (multiplications(sizes, seen, lanes, axes) + READING * read) * (1.0 if nbytes <= LARGE else 1.3)

    lanes = min(ways(sizes, seen.grain, count), key=cost)
    first = seen.along(0, lanes.rows)
    if lanes.strips == 1 and rest:  # strips begin and end elsewhere
        first = without_border(first, sizes.read[0])
    return lanes, (first, *rest)


def ways(sizes: Sizes, grain: int, count: int) -> list[Lanes]:
    """Images as they are, and in strips, of which all but the last have as many rows, a multiple of `grain`."""
    total = sizes.written[0]
    most = total // grain if len(sizes.written) > 1 else 1
    of_strips = [total, *(-(-total // strips // grain) * grain for strips in range(2, most + 1))]
    return [Lanes(count, sizes.batch, -(-total // rows), rows) for rows in of_strips]


def multiplications(sizes: Sizes, seen: Seen, lanes: Lanes, axes: tuple[Axis, ...]) -> int:
    """Those for a lane, of which an output of a transpose has its share of the taps."""
    summands = sizes.inner * prod(len(axis.distances) for axis in axes) // prod([seen.grain] * len(axes))
    return lanes.rows * sizes.row * sizes.groups * sizes.outer * (summands + WRITING)
