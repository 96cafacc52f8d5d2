"""Arrays (batch, channels, *extents) for loops over elements that also read a number of the channel."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.expr.loop import COLUMN, ROW, Loop, loop
from fusegrad.expr.node import Expr
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.op import Bound
from fusegrad.ops.row_blocks import AT_ONCE

Block = tuple[slice, slice]


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

    def blocks(self) -> list[Block]:
        """Samples, or channels of one sample, some at a time, so that what is made on the way stays in a cache."""
        if self.channels * self.places <= AT_ONCE:
            step = AT_ONCE // max(1, self.channels * self.places)
            return [(slice(start, start + step), slice(None)) for start in range(0, self.batch, step)]
        step = max(1, AT_ONCE // self.places)
        starts = range(0, self.channels, step)
        return [(slice(i, i + 1), slice(start, start + step)) for i in range(self.batch) for start in starts]

    def loop(self, name: str, assignments: Mapping[str, Expr], *of_channels: str) -> Loop:
        return loop(name, assignments, **dict.fromkeys(of_channels, self.layout))

    def bind(self, evaluator: str, work: Loop, numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> list[Bound]:
        """The loop over numbers of channels (channels,) and arrays like x; before it, what spreads the numbers."""
        calls, given = [], {name: self.flat(array) for name, array in arrays.items()}
        for name in (name for name in numbers if name in work.names()):
            given[name] = numbers[name]
            if self.layout == COLUMN:
                space = np.empty((self.batch, self.channels), numbers[name].dtype)
                calls.append(partial(np.copyto, space, numbers[name]))
                given[name] = space.reshape(-1)
        return [*calls, bind_loop(evaluator, work, given)]
