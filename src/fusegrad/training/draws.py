"""Random numbers for samples, each a function of what it is for alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend.random import halves, mixed, round_keys, unit

LAST = 2**32 - 64  # the transformation as a coordinate of Philox, below the rounds of permutations, counted downwards


class Draws:
    """Draws for the samples of a batch: functions of (seed, epoch, sample, number of the transformation, call).

    So they depend neither on the size of batches, nor on the order of rows, nor on threads.  `samples` are rows of the
    data set or, where a sampler takes rows several times, places in its epoch.
    """

    def __init__(self, samples: NDArray[np.int64], seed: int, epoch: int, number: int) -> None:
        self.samples, self.seed, self.epoch, self.number = samples, seed, epoch, number
        self.calls = 0

    def uniform(self, count: int) -> NDArray[np.float64]:
        """`count` numbers in (0, 1) for each sample, (batch, count), others at every call."""
        each = -(-count // 4)
        blocks = (self.samples[:, None] * each + np.arange(each)).reshape(-1).astype("uint64")
        step = halves(self.calls << 32 | self.epoch & 0xFFFFFFFF)
        even, odd = mixed(blocks, LAST - self.number, step, round_keys(self.seed))
        self.calls += 1
        words: Any = np.empty((len(blocks), 4), "uint32")
        words[:, 0::2], words[:, 1::2] = even.T, odd.T
        numbers: NDArray[np.float64] = unit(words.reshape(len(self.samples), -1)[:, :count], np.dtype("float64"))
        return numbers

    def integers(self, least: int, most: int, count: int) -> NDArray[np.int64]:
        """`count` integers in least .. most for each sample, (batch, count), others at every call."""
        return least + np.floor(self.uniform(count) * (most + 1 - least)).astype("int64")
