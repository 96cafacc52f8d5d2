"""How a product of the fast convolution is divided: into lanes, strips and tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from fusegrad.ops.convolution.fast.generated import machine
from fusegrad.ops.convolution.fast.lanes import Lanes
from fusegrad.ops.convolution.fast.taps import Axis, without_border

TILES = {32: {8: 3, 6: 4, 4: 6, 2: 8, 1: 8}, 16: {4: 3, 2: 5, 1: 8}}  # by registers: channels and outputs of a tile
SLOWER = {1: 1.6, 2: 1.2}  # tiles of few channels, which wait for the cache
LARGE = 1 << 22  # bytes of a block of images that are far from the core


@dataclass(frozen=True)
class Sizes:
    """Extents and channels of one product: what is read, what is written, and channels of a group of both."""

    batch: int
    groups: int
    inner: int
    outer: int
    read: tuple[int, ...]
    written: tuple[int, ...]


def tile(outer: int) -> tuple[int, int]:
    """Channels and outputs of a tile, such that the fewest channels are computed for nothing."""
    sizes = TILES[machine()[1]]
    rows = min(sizes, key=lambda rows: (-(-outer // rows) * rows * SLOWER.get(rows, 1.0), -rows))
    return rows, sizes[rows]


def plane_size(extents: tuple[int, ...], lanes: int) -> int:
    """Bytes of a padded plane of vectors, and of those that the last row may have too many.

    They are an odd number of vectors, so that the same place of many planes is not in the same set of a cache.
    """
    return ((prod(extents) + lanes) | 1) * 4 * lanes


def divided(
    sizes: Sizes, see: Callable[[int, int], Axis], grain: int, workers: int, kept: int = 0
) -> tuple[Lanes, list[Axis]]:
    """The images in lanes, cut into as many strips as make the work shortest; and what outputs of a strip see.

    `kept` channels of what is written lie in the cache, too.
    """
    count, rank = machine()[0], len(sizes.written)
    rest = [see(axis, sizes.written[axis]) for axis in range(1, rank)]
    inner, total = prod(axis.extent for axis in rest), sizes.written[0]
    best: tuple[float, int] | None = None
    for strips in range(1, max(1, total // grain) + 1 if rank > 1 else 2):
        rows = -(-total // strips // grain) * grain if strips > 1 else total
        lanes = Lanes(count, sizes.batch, -(-total // rows), rows)
        first = see(0, rows)
        read = first.extent * inner * sizes.groups * sizes.inner
        bytes_needed = 4 * count * (read + kept * sizes.groups * rows * prod(sizes.written[1:]))
        rounds = -(-lanes.blocks // workers)
        # a grain above 1 is a stride, of whose outputs each sees its share of the taps
        summands = sizes.inner * prod(len(axis.distances) for axis in (first, *rest)) // prod([grain] * rank)
        macs = rows * prod(sizes.written[1:]) * sizes.groups * sizes.outer * (summands + 8)
        cost = rounds * (macs + 8 * read) * (1.0 if bytes_needed <= LARGE else 1.3)
        if best is None or cost < best[0]:
            best = cost, rows
    assert best is not None
    rows = best[1]
    lanes = Lanes(count, sizes.batch, -(-total // rows), rows)
    first = see(0, rows)
    if lanes.strips == 1 and rank > 1:  # strips begin and end elsewhere
        first = without_border(first, sizes.read[0])
    return lanes, [first, *rest]
