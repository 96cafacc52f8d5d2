"""Which places of a padded plane of vectors every output of a convolution, or of its transpose, is made of.

Outputs that see the same taps are of one phase.  A tap is a distance in the plane, the same for all of a phase: so a
stride, a gap, or a border that needs no multiplication by zero are tables, and one kernel does all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from itertools import product as pairs
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fusegrad.ops.convolution.fast.vectors import CHUNK
from fusegrad.ops.window import Window

Extents = tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """What outputs of one axis see: the taps of each, and the place of the buffer that the first tap of all is at.

    Place i sees tap k at bases[i] + distances[k], for every k in taps[i].
    """

    bases: tuple[int, ...]
    taps: tuple[tuple[int, ...], ...]
    distances: tuple[int, ...]
    before: int
    extent: int
    advance: int


def seen_by_windows(window: Window, axis: int, outputs: int) -> Axis:
    """Of a convolution: output o has tap k at o · stride + k · dilation of the padded input."""
    kernel, stride, gap = window.kernel[axis], window.stride[axis], window.dilation[axis]
    bases = tuple(range(0, outputs * stride, stride))
    distances = tuple(range(0, kernel * gap, gap))
    taps = (tuple(range(kernel)),) * outputs
    extent = (outputs - 1) * stride + window.reach[axis]
    return Axis(bases, taps, distances, window.padding[axis][0], extent, outputs * stride)


def seen_by_inputs(window: Window, axis: int, inputs: int) -> Axis:
    """Of its transpose: input i is tap k of output (i + before - k · dilation) / stride, where that is whole."""
    kernel, stride, gap = window.kernel[axis], window.stride[axis], window.dilation[axis]
    before = window.padding[axis][0]
    distances = tuple(-(k * gap // stride) for k in range(kernel))
    lowest = before // stride + min(distances)
    places = range(before, before + inputs)
    bases = tuple(place // stride - lowest for place in places)
    taps = tuple(tuple(k for k in range(kernel) if (place - k * gap) % stride == 0) for place in places)
    return Axis(bases, taps, distances, -lowest, max(bases) + 1, inputs // stride)


def without_border(axis: Axis, extent: int) -> Axis:
    """The same without taps that lie before or behind the `extent` places that there are."""
    inside = range(axis.before, axis.before + extent)
    pairs_of = zip(axis.bases, axis.taps, strict=True)
    return replace(
        axis, taps=tuple(tuple(k for k in ks if base + axis.distances[k] in inside) for base, ks in pairs_of)
    )


class Tiles(NamedTuple):
    """Tiles of outputs of one phase each: its taps, where they lie in the buffer and where in a chunk, in bytes.

    Chunk c has the tiles from chunks[c] to chunks[c + 1] and the outputs from starts[c] to starts[c + 1]; it sees
    nothing from row rows[c + 1] of the buffer on, of those that have a place in the table.
    """

    chunks: Any
    starts: Any
    rows: Any
    first_taps: Any
    tap_counts: Any
    positions: Any
    targets: Any


class Phases(NamedTuple):
    """The tiles of a strip; and the taps of all phases, of which each has neighbours, with their distances in bytes."""

    tiles: Tiles
    taps: Any
    distances: Any


def phases(axes: list[Axis], width: int, vector: int, filled: Any) -> Phases:
    """Tiles of `width` outputs, for planes of places `vector` bytes apart, of which rows begin at `filled`."""
    steps = strides(tuple(axis.extent for axis in axes))
    base = combined([np.array(axis.bases) * step for axis, step in zip(axes, steps, strict=True)])
    kinds: dict[Any, int] = {}
    names = [kinds.setdefault(taps, len(kinds)) for taps in pairs(*(axis.taps for axis in axes))]
    spans, firsts = joined([tap_numbers(axes, taps) for taps in kinds])
    counts = np.array([prod(map(len, taps)) for taps in kinds])
    taps = np.array(spans, np.int64)
    distances = distances_of(axes, steps)[taps]
    tiles = tiled(np.array(names), base, width)
    of_tile = tiles["kind"]
    farthest = np.array([distances[a : a + n].max(initial=0) for a, n in zip(firsts, counts, strict=True)])
    last = np.maximum.reduceat((tiles["positions"].max(axis=1) + farthest[of_tile]) * vector, tiles["chunks"][:-1])
    rows = np.append(0, np.searchsorted(filled, np.maximum.accumulate(last), side="right"))
    return Phases(
        Tiles(
            tiles["chunks"],
            tiles["starts"],
            rows,
            firsts[of_tile],
            counts[of_tile],
            tiles["positions"] * vector,
            tiles["targets"] * vector,
        ),
        taps,
        distances * vector,
    )


def tap_numbers(axes: list[Axis], taps: tuple[Extents, ...]) -> list[int]:
    """The numbers, in C order of the whole window, of all combinations of taps."""
    kernels = strides(tuple(len(axis.distances) for axis in axes))
    return [sum(k * step for k, step in zip(place, kernels, strict=True)) for place in pairs(*taps)]


def distances_of(axes: list[Axis], steps: Extents) -> Any:
    """The distance of every tap of the window."""
    return combined([np.array(axis.distances) * step for axis, step in zip(axes, steps, strict=True)])


def joined(lists: list[list[int]]) -> tuple[list[int], Any]:
    """One list that has each of the lists as neighbours, and where; those within others take no place of their own."""
    whole: list[int] = []
    firsts = np.zeros(len(lists), np.int64)
    for i in sorted(range(len(lists)), key=lambda i: -len(lists[i])):
        size = len(lists[i])
        found = (at for at in range(len(whole) - size + 1) if whole[at : at + size] == lists[i])
        firsts[i] = next(found, len(whole))
        if firsts[i] == len(whole):
            whole += lists[i]
    return whole, firsts


def tiled(kinds: Any, bases: Any, width: int) -> dict[str, Any]:
    """Outputs of every chunk, sorted by kind, as tiles; the last of a kind repeats its last output."""
    chunks, positions, targets, of_tile = [0], [], [], []
    starts = [*range(0, len(kinds), CHUNK), len(kinds)]
    for start, stop in pairwise(starts):
        for kind in np.unique(kinds[start:stop]):
            places = np.flatnonzero(kinds[start:stop] == kind)
            tiles = np.append(places, np.repeat(places[-1], -len(places) % width)).reshape(-1, width)
            targets.append(tiles)
            positions.append(bases[start + tiles])
            of_tile += [kind] * len(tiles)
        chunks.append(len(of_tile))
    return {
        "chunks": np.array(chunks, np.int64),
        "starts": np.array(starts, np.int64),
        "kind": np.array(of_tile),
        "positions": np.concatenate(positions).astype(np.int64),
        "targets": np.concatenate(targets).astype(np.int64),
    }


def strides(extents: Extents) -> Extents:
    return tuple(prod(extents[i + 1 :]) for i in range(len(extents)))


def combined(axes: list[Any]) -> Any:
    """The sums of one number of each axis, in C order."""
    total = axes[0]
    for axis in axes[1:]:
        total = (total[:, None] + axis).reshape(-1)
    return total
