"""Products that write one number for every output: a convolution, and its transpose."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from fusegrad.expr import Function
from fusegrad.expr.activations import identity
from fusegrad.expr.threads import thread_count
from fusegrad.ops.convolution.fast.division import Sizes
from fusegrad.ops.convolution.fast.drivers import Shape
from fusegrad.ops.convolution.fast.generated import gatherers, machine, multiplier
from fusegrad.ops.convolution.fast.layout import Layout, laid_out
from fusegrad.ops.convolution.fast.packing import packed_places
from fusegrad.ops.convolution.fast.phases import Tiles, phases
from fusegrad.ops.convolution.fast.running import Range, Together
from fusegrad.ops.convolution.fast.taps import Inputs, Seen, Windows
from fusegrad.ops.convolution.fast.vectors import CHUNK
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.window import Window


def bind_correlate(x: Any, weight: Any, y: Any, *, window: Window, groups: int, **end: Any) -> Bound:
    """y = f(h), h = x * weight + bias, or y += that; `end` is what `bound` calls so."""
    sizes = Sizes(len(x), groups, weight.shape[1], len(weight) // groups, x.shape[2:], y.shape[2:])
    return bound(x, weight, y, sizes, Windows(window), **end)


def bind_spread(dy: Any, weight: Any, dx: Any, *, window: Window, groups: int, **end: Any) -> Bound:
    """dx = f(h), h = bias and the gradient of x * weight by x for dy, or dx += that; `end` as for `bind_correlate`."""
    sizes = Sizes(len(dy), groups, len(weight) // groups, weight.shape[1], dy.shape[2:], dx.shape[2:])
    return bound(dy, weight, dx, sizes, Inputs(window), **end)


def bound(
    x: Any,
    weight: Any,
    y: Any,
    sizes: Sizes,
    seen: Seen,
    *,
    add: bool = False,
    function: Function = identity,
    bias: Any = None,
    h: Any = None,
) -> Bound:
    """y = f(h), h = x * weight + bias for outputs that see this, or y += that; h is written, too, where it is kept."""
    if not y.size:
        return in_turn([])
    layout = laid_out(sizes, seen, machine(), thread_count())
    tables = tables_of(layout, seen)
    run = multiplier(layout.lanes.count, layout.rows, layout.columns, function, add)
    read, written = x.reshape(-1), (y.reshape(-1), None if h is None else h.reshape(-1))
    given = tables.shape, layout.padded, layout.whole, tables.tiles, tables.offsets

    def work(packed: Any, own: Any, blocks: Range) -> None:
        run(read, packed, bias, *written, blocks, own, *given)

    multiplications = y.size * tables.shape.depth
    product = Together(work, layout.lanes.blocks, multiplications, tables.places.size, space_of(layout))
    pack = partial(gatherers().gather, weight.reshape(-1), tables.places)
    return in_turn([partial(product.share, pack), product])


class Tables(NamedTuple):
    """What is the same for products of the same sizes: numbers, tiles, distances of taps, places of packed weights."""

    shape: Shape
    tiles: Tiles
    offsets: Any
    places: Any


@lru_cache(maxsize=64)
def tables_of(layout: Layout, seen: Seen) -> Tables:
    """The tables of a layout."""
    sizes, found = layout.sizes, phases(layout)
    shape = layout.shape(len(found.taps))
    offsets = (found.distances[:, None] + np.arange(sizes.inner) * layout.plane_bytes).reshape(-1)
    places = packed_places(seen.weights(sizes.groups, sizes.outer, sizes.inner), layout, found.taps)
    return Tables(shape, found.tiles, offsets, places)


def space_of(layout: Layout) -> int:
    """Bytes of the planes of vectors, and of a chunk of a panel."""
    sizes = layout.sizes
    return sizes.groups * sizes.inner * layout.plane_bytes + CHUNK * layout.rows * layout.vector_bytes
