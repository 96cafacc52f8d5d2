"""The three products of a convolution for the evaluator numba: float32, near the speed of the machine.

Of every image in a block of images, one in each lane of a vector (see `lanes`), the padded planes are laid into a
buffer, as vectors over the lanes; every output is then a sum of numbers of the weight times vectors at distances that a
table has (see `taps`), a tile of channels and outputs in registers at a time (see `microkernel`).  Space, a few
megabytes, belongs to the thread.  Whatever the number of threads, every output is summed alike.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from fusegrad.expr import Function
from fusegrad.expr.activations import identity
from fusegrad.expr.threads import run_together, thread_count
from fusegrad.ops.convolution.fast.division import Sizes, divided, plane_size, tile
from fusegrad.ops.convolution.fast.drivers import Shape
from fusegrad.ops.convolution.fast.generated import gatherers, multiplier, weigher
from fusegrad.ops.convolution.fast.lanes import Lanes, padded, whole
from fusegrad.ops.convolution.fast.taps import (
    Axis,
    distances_of,
    phases,
    seen_by_inputs,
    seen_by_windows,
    strides,
)
from fusegrad.ops.convolution.fast.vectors import CHUNK
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.window import Window

PARTS = 8  # sums of weight gradients, whatever the number of threads
LEAST = 1 << 21  # multiplications that are worth a thread


class Spaces(threading.local):
    """Memory of the calling thread for blocks of images; it is as large as the largest that was needed."""

    def __init__(self) -> None:
        self.memory = np.empty(0, np.float32)

    def of(self, size: int) -> Any:
        if self.memory.size < size:
            memory = np.empty(size + 16, np.float32)
            start = -memory.ctypes.data % 64 // 4
            self.memory = memory[start : start + size]
        return self.memory


spaces = Spaces()


def computes(evaluator: str, *arrays: Any) -> bool:
    """Whether these are products for here."""
    return evaluator == "numba" and all(array.dtype == np.float32 for array in arrays)


def bind_correlate(
    x: Any,
    weight: Any,
    y: Any,
    *,
    window: Window,
    groups: int,
    add: bool = False,
    function: Function = identity,
    bias: Any = None,
    h: Any = None,
) -> Bound:
    """y = f(h), h = x * weight + bias, or y += that."""
    outer, inner, taps = weight.shape[0] // groups, weight.shape[1], window.size
    index = np.arange(weight.size).reshape(groups, outer, inner, taps)
    sizes = Sizes(len(x), groups, inner, outer, x.shape[2:], y.shape[2:])
    see = partial(seen_by_windows, window)
    return bind_multiply(x, weight, index, y, sizes, see, 1, add, function, bias, h)


def bind_spread(
    dy: Any,
    weight: Any,
    dx: Any,
    *,
    window: Window,
    groups: int,
    add: bool = False,
    function: Function = identity,
    bias: Any = None,
    h: Any = None,
) -> Bound:
    """dx = f(h), h = bias and the gradient of x * weight by x for dy, or dx += that."""
    inner, outer, taps = weight.shape[0] // groups, weight.shape[1], window.size
    index = np.arange(weight.size).reshape(groups, inner, outer, taps).swapaxes(1, 2)
    sizes = Sizes(len(dy), groups, inner, outer, dy.shape[2:], dx.shape[2:])
    see = partial(seen_by_inputs, window)
    return bind_multiply(dy, weight, index, dx, sizes, see, window.stride[0], add, function, bias, h)


def bind_multiply(
    x: Any,
    weight: Any,
    index: Any,
    y: Any,
    sizes: Sizes,
    see: Callable[[int, int], Axis],
    grain: int,
    add: bool,
    function: Function,
    bias: Any,
    h: Any,
) -> Bound:
    """y = f(x * weight + bias), whichever outputs see what; `index` has places in the weight by group, out, in, tap."""
    if not y.size:
        return in_turn([])
    rows, columns = tile(sizes.outer)
    lanes, axes = divided(sizes, see, grain, thread_count())
    size = 4 * lanes.count
    buffer = tuple(axis.extent for axis in axes)
    table = padded(
        lanes, sizes.groups * sizes.inner, sizes.read, tuple(a.before for a in axes), buffer, axes[0].advance
    )
    plane = plane_size(buffer, lanes.count)
    found = phases(axes, columns, size, table.places)
    places, offsets = packing(index, found, rows, plane)
    shape = shape_of(sizes, lanes, rows, len(found.taps) * sizes.inner, plane)
    packed = np.empty(places.size, np.float32)
    pack = partial(gatherers().gather, weight.reshape(-1), places, packed)
    need = (sizes.groups * sizes.inner * plane + CHUNK * rows * size) // 4
    run = multiplier(lanes.count, rows, columns, function, add)
    out = whole(lanes, sizes.groups * sizes.outer, sizes.written)
    arrays = (x.reshape(-1), packed, bias, y.reshape(-1), None if h is None else h.reshape(-1))

    def work(blocks: tuple[int, int]) -> None:
        run(*arrays, blocks, spaces.of(need), shape, table, out, found.tiles, offsets)

    effort = y.size * shape.depth
    return in_turn([pack, together(work, lanes.blocks, effort)])


def bind_weigh(dy: Any, x: Any, dweight: Any, *, window: Window, groups: int, add: bool = False) -> Bound:
    """dweight = the gradient of x * weight by weight for dy, or dweight += that."""
    outer, inner, taps = dweight.shape[0] // groups, dweight.shape[1], window.size
    sizes = Sizes(len(x), groups, inner, outer, x.shape[2:], dy.shape[2:])
    rows, columns = tile(outer)
    lanes, axes = divided(sizes, partial(seen_by_windows, window), 1, PARTS, outer)
    size = 4 * lanes.count
    buffer = tuple(axis.extent for axis in axes)
    table = padded(lanes, groups * inner, sizes.read, tuple(a.before for a in axes), buffer, axes[0].advance)
    plane = plane_size(buffer, lanes.count)
    distances = distances_of(axes, strides(buffer)) * size
    offsets = (np.arange(inner)[:, None] * plane + distances).reshape(-1)
    spans = spans_of(axes[0], taps, inner, columns, prod(sizes.written[1:]))
    filled = np.append(offsets, np.repeat(offsets[-1:], -len(offsets) % columns)).reshape(-1, columns)
    positions = positions_of(axes, size)
    shape = shape_of(sizes, lanes, rows, taps * inner, plane)
    panels = -(-outer // rows)
    place = np.arange(groups * panels * filled.size * rows).reshape(groups, panels, filled.size, rows)
    places = place[:, :, : inner * taps].swapaxes(2, 3).reshape(groups, panels * rows, inner * taps)[:, :outer]
    parts = np.empty((min(PARTS, max(1, lanes.blocks)), place.size + 16), np.float32)
    need = groups * inner * plane // 4
    need += groups * panels * (positions.size + lanes.count) * rows * lanes.count
    run, out = weigher(lanes.count, rows, columns), whole(lanes, groups * outer, sizes.written)
    arrays = (x.reshape(-1), dy.reshape(-1))

    cuts = np.array([part * lanes.blocks // len(parts) for part in range(len(parts) + 1)])

    def work(wanted: tuple[int, int]) -> None:
        run(*arrays, parts, cuts, wanted, spaces.of(need), shape, table, out, positions, filled, spans)

    effort = dy.size * inner * taps
    total = partial(gatherers().add_up, parts, np.ascontiguousarray(places.reshape(-1)), add, dweight.reshape(-1))
    return in_turn([together(work, len(parts), effort), total])


def together(work: Callable[[tuple[int, int]], None], count: int, effort: int) -> Bound:
    """All of 0 .. count, split over the threads where that pays."""
    pieces = max(1, min(thread_count(), count, effort // LEAST))
    cuts = [i * count // pieces for i in range(pieces + 1)]
    calls = [partial(work, cut) for cut in pairwise(cuts)]
    return calls[0] if pieces == 1 else partial(run_together, calls)


def shape_of(sizes: Sizes, lanes: Lanes, rows: int, depth: int, plane: int) -> Shape:
    read, written = 4 * prod(sizes.read), 4 * prod(sizes.written)
    size = 4 * lanes.count
    return Shape(lanes.count, size, sizes.groups, sizes.inner, sizes.outer, rows, depth, plane, read, written)


def packing(index: Any, found: Any, rows: int, plane: int) -> tuple[Any, Any]:
    """Places in the weight of the packed one, by group, panel, tap, channel and row; and the distances in bytes."""
    groups, outer, inner = index.shape[:3]
    panels = -(-outer // rows)
    places = np.full((groups, panels * rows, inner, len(found.taps)), -1, np.int64)
    places[:, :outer] = index[..., found.taps]
    packed = places.reshape(groups, panels, rows, inner, -1).transpose(0, 1, 4, 3, 2)
    return np.ascontiguousarray(packed).reshape(-1), (found.distances[:, None] + np.arange(inner) * plane).reshape(-1)


def spans_of(axis: Axis, taps: int, inner: int, columns: int, places: int) -> Any:
    """For tiles of `columns` of the taps of each channel: which outputs see any of them, from and to."""
    seen = [[i for i, ks in enumerate(axis.taps) if k in ks] or [0] for k in range(len(axis.distances))]
    span = np.repeat(np.array([(rows[0], rows[-1] + 1) for rows in seen]) * places, taps // len(seen), axis=0)
    every = np.tile(span, (inner, 1))
    filled = np.append(every, np.repeat(every[-1:], -len(every) % columns, axis=0), axis=0).reshape(-1, columns, 2)
    return np.stack([filled[..., 0].min(axis=1), filled[..., 1].max(axis=1)], axis=1)


def positions_of(axes: list[Axis], size: int) -> Any:
    """Where the first tap of every output is, in bytes."""
    total = np.zeros(1, np.int64)
    for axis in axes:
        total = (total[:, None] * axis.extent + np.array(axis.bases)).reshape(-1)
    return total * size
