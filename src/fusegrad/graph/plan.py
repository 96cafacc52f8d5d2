"""Memory planning: every buffer gets its place in one block, by lifetime.

A buffer lives from the first call that names it to the last.  Buffers that are alive at the same call never overlap.
The greedy placement by size is that of Pisarchyk and Lee, 2020, arXiv:2001.03288; several orders are tried, because
none is best for every graph, and the search ends at the lower bound, below which no plan can go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.graph.calls import Call
from fusegrad.graph.lifetimes import Moments, lifetimes
from fusegrad.graph.spec import Buffer

Integers = NDArray[np.int64]
NONE: Mapping[Buffer, Buffer] = MappingProxyType({})


@dataclass(frozen=True)
class Plan:
    """Byte offset of every buffer, and the size of the block.

    `lower_bound` is the largest sum of bytes in use at one call, `unplanned` the sum over all buffers.  `aliases` gives
    for buffers that lie in the place of others those, see `alias`.
    """

    offsets: dict[Buffer, int]
    nbytes: int
    lower_bound: int
    unplanned: int
    aliases: Mapping[Buffer, Buffer]


@dataclass(frozen=True)
class Lives:
    """One row per place: whose it is first, aligned size in bytes, first and last call at which it is in use."""

    buffers: list[Buffer]
    size: Integers
    first: Integers
    last: Integers

    def lower_bound(self) -> int:
        change = np.zeros(int(self.last.max(initial=0)) + 2, np.int64)
        np.add.at(change, self.first, self.size)
        np.add.at(change, self.last + 1, -self.size)
        return int(change.cumsum().max())


def plan_memory(
    calls: Sequence[Call],
    given: Iterable[Buffer],
    kept: Iterable[Buffer],
    alignment: int,
    aliases: Mapping[Buffer, Buffer] = NONE,
) -> Plan:
    """Place all buffers; `given` ones are alive before the first call, `kept` ones after the last.

    Those of `aliases` get the place of the buffer that is named there, which is kept as long as any of both is alive.
    """
    first, last = lifetimes(calls, given, kept)
    lives, unplanned = lives_of(first, last, alignment, aliases), sum(padded(buffer, alignment) for buffer in first)
    lower_bound = lives.lower_bound()
    best, nbytes = np.zeros(len(lives.buffers), np.int64), -1
    for order in orders(lives):
        offsets = place(lives, order)
        needed = int((offsets + lives.size).max(initial=0))
        if nbytes < 0 or needed < nbytes:
            best, nbytes = offsets, needed
        if nbytes <= lower_bound:
            break
    places = dict(zip(lives.buffers, best.tolist(), strict=True))
    offsets_of_all = {buffer: places[aliases.get(buffer, buffer)] for buffer in first}
    return Plan(offsets_of_all, nbytes, lower_bound, unplanned, aliases)


def lives_of(first: Moments, last: Moments, alignment: int, aliases: Mapping[Buffer, Buffer]) -> Lives:
    begins: Moments = {}
    ends: Moments = {}
    for buffer, moment in first.items():
        owner = aliases.get(buffer, buffer)
        begins[owner] = min(moment, begins.get(owner, moment))
        ends[owner] = max(last[buffer], ends.get(owner, 0))
    columns = [padded(owner, alignment) for owner in begins], [*begins.values()], [*ends.values()]
    return Lives(list(begins), *(np.array(column, np.int64) for column in columns))


def padded(buffer: Buffer, alignment: int) -> int:
    assert buffer.spec is not None
    return -(-buffer.spec.nbytes // alignment) * alignment


def orders(lives: Lives) -> Iterable[Any]:
    """Orders of placement to try: largest first, then longest-lived first among equals, longest-lived, as they come."""
    span = lives.last - lives.first
    yield np.lexsort((lives.first, -lives.size))
    yield np.lexsort((lives.first, -span, -lives.size))
    yield np.lexsort((lives.first, -lives.size, -span))
    yield np.lexsort((-lives.size, lives.first))


def place(lives: Lives, order: Iterable[int]) -> Integers:
    """Put each buffer at the lowest offset where it fits between those placed before that live at the same time."""
    offsets = np.zeros(len(lives.buffers), np.int64)
    start, stop, first, last = (np.zeros(len(lives.buffers), np.int64) for _ in range(4))  # placed ones, by offset
    for count, index in enumerate(order):
        size, born, died = lives.size[index], lives.first[index], lives.last[index]
        meets = (first[:count] <= died) & (last[:count] >= born)
        starts, stops = start[:count][meets], np.maximum.accumulate(stop[:count][meets])
        begins = np.concatenate([[0], stops])  # every gap begins where all before have ended
        gaps = np.flatnonzero(begins[:-1] + size <= starts)
        offset = begins[gaps[0]] if gaps.size else begins[-1]
        at = int(np.searchsorted(start[:count], offset))
        for column, entry in ((start, offset), (stop, offset + size), (first, born), (last, died)):
            column[at + 1 : count + 1] = column[at:count]
            column[at] = entry
        offsets[index] = offset
    return offsets
