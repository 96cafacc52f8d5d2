"""The product that sums over all outputs: the weight gradient of a convolution.

Sums are made in PARTS, each over blocks of images that the shapes alone decide, and added in order.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fusegrad.ops.convolution.fast.division import Sizes
from fusegrad.ops.convolution.fast.generated import gatherers, machine, weigher
from fusegrad.ops.convolution.fast.layout import Layout, laid_out
from fusegrad.ops.convolution.fast.packing import summed_places, sums_of
from fusegrad.ops.convolution.fast.phases import filled
from fusegrad.ops.convolution.fast.running import Range, Together
from fusegrad.ops.convolution.fast.taps import Windows, distances_of, positions_of
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.window import Window

PARTS = 8  # whatever the number of threads
BEHIND = 16  # floats that the last tile of a part may write too many


def bind_weigh(dy: Any, x: Any, dweight: Any, *, window: Window, groups: int, add: bool = False) -> Bound:
    """dweight = the gradient of x * weight by weight for dy, or dweight += that."""
    sizes = Sizes(len(x), groups, dweight.shape[1], len(dweight) // groups, x.shape[2:], dy.shape[2:])
    layout = laid_out(sizes, Windows(window), machine(), PARTS, kept=sizes.outer)
    tables = tables_of(layout)
    run = weigher(layout.lanes.count, layout.rows, layout.columns)
    parts = len(tables.cuts) - 1, sums_of(layout, tables.offsets.size) + BEHIND
    arrays = x.reshape(-1), dy.reshape(-1)
    given = layout.shape(window.size), layout.padded, layout.whole, tables.positions, tables.offsets, tables.spans

    def work(shared: Any, own: Any, wanted: Range) -> None:
        run(*arrays, shared[: prod(parts)].reshape(parts), tables.cuts, wanted, own, *given)

    def total(shared: Any) -> None:
        add_up(shared[: prod(parts)].reshape(parts), tables.places, add, gradient)

    add_up, gradient = gatherers().add_up, dweight.reshape(-1)
    product = Together(work, parts[0], dy.size * dweight[0].size, prod(parts), space_of(layout))
    return in_turn([product, partial(product.share, total)])


class Tables(NamedTuple):
    """What is the same for products of the same sizes; distances are bytes.

    Blocks of every part, where the first tap of every output is, tiles of distances of taps by channel, the outputs
    that see any tap of a tile, and where the sum of every weight is.
    """

    cuts: Any
    positions: Any
    offsets: Any
    spans: Any
    places: Any


@lru_cache(maxsize=64)
def tables_of(layout: Layout) -> Tables:
    """The tables of a layout."""
    inner, columns, size = layout.sizes.inner, layout.columns, layout.vector_bytes
    distances = distances_of(layout.axes) * size
    offsets = filled((np.arange(inner)[:, None] * layout.plane_bytes + distances).reshape(-1), columns)
    places = summed_places(layout, offsets.size, len(distances))
    return Tables(cuts_of(layout.lanes.blocks), positions_of(layout.axes) * size, offsets, spans_of(layout), places)


def cuts_of(blocks: int) -> Any:
    """Where the blocks of each part begin and end."""
    parts = min(PARTS, max(1, blocks))
    return np.array([part * blocks // parts for part in range(parts + 1)])


def spans_of(layout: Layout) -> Any:
    """For tiles of the taps of each channel: which outputs see any of them, from and to."""
    first, taps = layout.axes[0], len(distances_of(layout.axes))
    seen = [[i for i, ks in enumerate(first.taps) if k in ks] or [0] for k in range(len(first.distances))]
    of_first = np.array([(rows[0], rows[-1] + 1) for rows in seen]) * layout.sizes.row
    of_taps = np.repeat(of_first, taps // len(seen), axis=0)
    of_tiles = filled(np.tile(of_taps, (layout.sizes.inner, 1)), layout.columns)
    return np.stack([of_tiles[..., 0].min(axis=1), of_tiles[..., 1].max(axis=1)], axis=1)


def space_of(layout: Layout) -> int:
    """Bytes of the planes of vectors, and of panels of output gradients, which may have a vector's places too many."""
    sizes, places = layout.sizes, layout.lanes.rows * layout.sizes.row + layout.lanes.count
    panel = places * layout.rows * layout.vector_bytes
    return sizes.groups * (sizes.inner * layout.plane_bytes + layout.panels * panel)
