"""Where each parameter lies in a flat array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from fusegrad.graph.param import Param

LINE = 16  # numbers, which are a cache line of float32, and four times what one instruction of a GPU loads


def aligned(place: int) -> int:
    """The first place from here on at which a parameter may begin."""
    return -(-place // LINE) * LINE


@dataclass(frozen=True)
class Range:
    """A stretch of a flat array in which all parameters are treated alike."""

    start: int
    stop: int
    decay: bool


class Layout:
    """Parameters one after the other, in the order given, each from a cache line on; gaps belong to nobody."""

    def __init__(self, params: Iterable[Param]) -> None:
        self.places: dict[Param, tuple[int, int]] = {}
        self.size = 0
        for param in params:
            start = aligned(self.size)
            self.size = start + prod(param.shape)
            self.places[param] = start, self.size

    def view(self, flat: Any, param: Param) -> Any:
        """The part of a flat array that belongs to `param`, in its shape."""
        start, stop = self.places[param]
        return flat[start:stop].reshape(param.shape)

    def ranges(self, params: Sequence[Param], by_decay: bool) -> list[Range]:
        """The fewest stretches that hold `params` and gaps, in order; split at the change of decay if asked."""
        found: list[Range] = []
        for param in sorted(params, key=lambda p: self.places[p]):
            start, stop = self.places[param]
            decay = param.decay and by_decay
            if found and aligned(found[-1].stop) == start and found[-1].decay == decay:
                found[-1] = Range(found[-1].start, stop, decay)
            else:
                found.append(Range(start, stop, decay))
        return found
