"""The planes of arrays (batch, channels, *extents), for loops over elements that also read a number of the channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product
from math import prod
from typing import Any

import numpy as np

from fusegrad.expr.loop import COLUMN, ROW, Loop, loop
from fusegrad.expr.node import Expr
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.row_blocks import AT_ONCE
from fusegrad.ops.thread_space import with_space

Block = tuple[slice, slice, slice]
NARROW = 8  # places; over smaller planes NumPy's loops, which see one array, are faster than a loop over each


class Planes:
    """The shape of x: the planes of all channels of all samples, with so many `places` each."""

    def __init__(self, x: Any) -> None:
        self.batch, self.channels = x.shape[:2]
        self.places = prod(x.shape[2:])
        self.count = self.batch * self.places  # of the elements of a channel

    @property
    def layout(self) -> str:
        """How numbers of channels lie over an array as `flat` shows it."""
        return ROW if self.places == 1 else COLUMN

    def cube(self, array: Any) -> Any:
        """(batch, channels, places)"""
        return array.reshape(self.batch, self.channels, self.places)

    def flat(self, array: Any) -> Any:
        """A row for each plane; where a plane is one place, a row for each sample."""
        rows, columns = (1, self.channels) if self.places == 1 else (self.channels, self.places)
        return array.reshape(self.batch * rows, columns)

    @property
    def block(self) -> tuple[int, int, int]:
        """Samples, channels and places that are worked on at once, so that what is made on the way stays in a cache."""
        places = max(1, min(self.places, AT_ONCE))
        channels = max(1, min(self.channels, AT_ONCE // places))
        whole = channels >= self.channels and places >= self.places
        return max(1, min(self.batch, AT_ONCE // (channels * places))) if whole else 1, channels, places

    def blocks(self) -> Iterator[Block]:
        """What to take of a cube for each block: whole samples, or whole planes of one, or a part of a plane."""
        each = zip((self.batch, self.channels, self.places), self.block, strict=True)
        return product(*([slice(i, i + step) for i in range(0, size, step)] for size, step in each))

    def loop(self, name: str, assignments: Mapping[str, Expr], *of_channels: str) -> Loop:
        return loop(name, assignments, **dict.fromkeys(of_channels, self.layout))

    def bind(self, evaluator: str, work: Loop, numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> Bound:
        """The loop over numbers of channels (channels,) and arrays like x."""
        needed = {name: numbers[name] for name in numbers if name in work.names()}
        given = {name: self.flat(array) for name, array in arrays.items()}
        if self.layout == ROW or self.batch == 1:
            return bind_loop(evaluator, work, given | needed)

        def bind(*spaces: Any) -> Bound:
            spread = dict(zip(needed, spaces, strict=True))
            calls: list[Bound] = [partial(np.copyto, spread[name], needed[name]) for name in needed]
            flat = {name: space.reshape(-1) for name, space in spread.items()}
            return in_turn([*calls, bind_loop(evaluator, work, given | flat)])

        like = next(iter(given.values()))
        return with_space(like, bind, *(((self.batch, self.channels), number.dtype) for number in needed.values()))


def is_for_numba(evaluator: str, x: Any) -> bool:
    """Whether planes are worth a loop over each."""
    return evaluator == "numba" and x.dtype == "float32" and Planes(x).places >= NARROW
