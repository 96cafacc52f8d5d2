"""Random numbers for samples, each a function of what it is for alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend.random import halves, mixed, round_keys, unit

LAST = 2**32 - 64  # the transformation as a coordinate of Philox, below the rounds of permutations, counted downwards


class Draws:
    """Draws for the samples of a batch: functions of (seed, epoch, row in the data set, number of the transformation).

    So they depend neither on the size of batches, nor on the order of rows, nor on threads.
    """

    def __init__(self, rows: NDArray[np.int64], seed: int, epoch: int, number: int) -> None:
        self.rows, self.seed, self.epoch, self.number = rows, seed, epoch, number

    def uniform(self, count: int) -> NDArray[np.float64]:
        """`count` numbers in (0, 1) for each sample, (batch, count), the same at every call."""
        each = -(-count // 4)
        blocks = (self.rows[:, None] * each + np.arange(each)).reshape(-1).astype("uint64")
        even, odd = mixed(blocks, LAST - self.number, halves(self.epoch), round_keys(self.seed))
        words: Any = np.empty((len(blocks), 4), "uint32")
        words[:, 0::2], words[:, 1::2] = even.T, odd.T
        numbers: NDArray[np.float64] = unit(words.reshape(len(self.rows), -1)[:, :count], np.dtype("float64"))
        return numbers

    def integers(self, least: int, most: int, count: int) -> NDArray[np.int64]:
        """`count` integers in least .. most for each sample, (batch, count), from the numbers of `uniform`."""
        return least + np.floor(self.uniform(count) * (most + 1 - least)).astype("int64")
