"""Outputs that see the same taps are of one phase: those of one tile are, and a tile is multiplied in one go.

A stride of a transpose makes as many phases as it has places; so does a border, whose outputs see fewer taps.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from fusegrad.ops.convolution.fast.layout import Layout
from fusegrad.ops.convolution.fast.taps import Axis, Extents, distances_of, positions_of, strides
from fusegrad.ops.convolution.fast.vectors import CHUNK


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


class Cut(NamedTuple):
    """Tiles by chunk, as in `Tiles`; of each its phase, its outputs, and which of the chunk these are."""

    chunks: Any
    starts: Any
    phase: Any
    outputs: Any
    targets: Any


def phases(layout: Layout) -> Phases:
    """The phases of a layout, and its outputs in tiles."""
    size, positions, distances = layout.vector_bytes, positions_of(layout.axes), distances_of(layout.axes)
    phase_of, seen = numbered(layout.axes)
    taps, firsts = joined(seen)
    counts = np.array([len(numbers) for numbers in seen])
    cut = tiled(phase_of, layout.columns)
    farthest = np.array([distances[numbers].max(initial=0) for numbers in seen])
    last = (positions[cut.outputs].max(axis=1) + farthest[cut.phase]) * size
    rows, of_tile = rows_seen(last, cut.chunks, layout.padded.places), cut.phase
    at = positions[cut.outputs] * size, cut.targets * size
    tiles = Tiles(cut.chunks, cut.starts, rows, firsts[of_tile], counts[of_tile], *at)
    return Phases(tiles, taps, distances[taps] * size)


def numbered(axes: tuple[Axis, ...]) -> tuple[Any, list[Any]]:
    """The phase of every output, and the taps of every phase as numbers in C order of the whole window."""
    numbers: dict[tuple[Extents, ...], int] = {}
    phase_of = [numbers.setdefault(taps, len(numbers)) for taps in product(*(axis.taps for axis in axes))]
    return np.array(phase_of), [tap_numbers(axes, taps) for taps in numbers]


def tap_numbers(axes: tuple[Axis, ...], taps: tuple[Extents, ...]) -> Any:
    """The numbers of all combinations of taps."""
    kernels = strides(tuple(len(axis.distances) for axis in axes))
    numbers = [sum(k * step for k, step in zip(place, kernels, strict=True)) for place in product(*taps)]
    return np.array(numbers, np.int64)


def joined(lists: list[Any]) -> tuple[Any, Any]:
    """One list that has each of the lists as neighbours, and where; those within others take no place of their own."""
    whole: list[int] = []
    firsts = np.zeros(len(lists), np.int64)
    for i in sorted(range(len(lists)), key=lambda i: -len(lists[i])):
        wanted = lists[i].tolist()
        found = (at for at in range(len(whole) - len(wanted) + 1) if whole[at : at + len(wanted)] == wanted)
        firsts[i] = next(found, len(whole))
        if firsts[i] == len(whole):
            whole += wanted
    return np.array(whole, np.int64), firsts


def tiled(phase_of: Any, width: int) -> Cut:
    """Outputs of every chunk, sorted by phase, as tiles; the last of a phase repeats its last output."""
    chunks, outputs, targets, of_tile = [0], [], [], []
    starts = [*range(0, len(phase_of), CHUNK), len(phase_of)]
    for start, stop in pairwise(starts):
        for phase in np.unique(phase_of[start:stop]):
            places = filled(np.flatnonzero(phase_of[start:stop] == phase), width)
            outputs.append(start + places)
            targets.append(places)
            of_tile += [phase] * len(places)
        chunks.append(len(of_tile))
    found = np.concatenate(outputs), np.concatenate(targets)
    return Cut(np.array(chunks), np.array(starts), np.array(of_tile), *found)


def filled(numbers: Any, width: int) -> Any:
    """Rows of so many numbers, the last of which is repeated where they do not suffice."""
    return np.append(numbers, np.repeat(numbers[-1:], -len(numbers) % width, axis=0), axis=0).reshape(
        -1, width, *numbers.shape[1:]
    )


def rows_seen(last: Any, chunks: Any, places: Any) -> Any:
    """How many of the rows at `places` are seen before each chunk and behind the last, by the farthest of each tile."""
    farthest = np.maximum.accumulate(np.maximum.reduceat(last, chunks[:-1]))
    return np.append(0, np.searchsorted(places, farthest, side="right"))
