"""Memory for what a convolution lays out anew: a block for every thread, which all that run in it use in turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.expr.threads import run_together

LINE = 64
NBYTES = 5 << 18  # to begin with, so that it seldom grows


class Memory(threading.local):
    """A block of the calling thread, of whole lines, which grows to what the largest user has asked for."""

    def __init__(self, nbytes: int = 0) -> None:
        self.bytes: NDArray[Any] = lines(nbytes)
        self.numbers = self.bytes.view(np.float32)

    def grow(self, nbytes: int) -> None:
        if len(self.bytes) < nbytes:
            self.bytes = self.numbers = lines(0)  # let go of one before there is the other
            self.bytes = lines(nbytes)
            self.numbers = self.bytes.view(np.float32)

    def at_least(self, nbytes: int) -> NDArray[Any]:
        self.grow(nbytes)
        return self.bytes

    def floats(self, count: int) -> NDArray[Any]:
        """All floats that there are, `count` or more."""
        self.grow(4 * count)
        return self.numbers


def lines(nbytes: int) -> NDArray[Any]:
    """So many bytes or more, whole lines."""
    nbytes = -(-nbytes // LINE) * LINE
    whole = np.empty(nbytes + LINE, np.uint8)
    start = -whole.ctypes.data % LINE
    return whole[start : start + nbytes]


memory = Memory(NBYTES)


def reserve(threads: int, nbytes: int) -> None:
    """Let the block of this thread and of those that help it, `threads` in all, grow before there is work."""
    run_together([partial(memory.grow, nbytes)] * threads)


def arrays(*wanted: tuple[tuple[int, ...], Any]) -> Iterator[Any]:
    """Arrays of these shapes and dtypes side by side in the memory of this thread, which is anybody's afterwards."""
    sizes = [prod(shape) * dtype.itemsize for shape, dtype in wanted]
    whole, start = memory.at_least(sum(size + LINE for size in sizes)), 0
    for size, (shape, dtype) in zip(sizes, wanted, strict=True):
        yield whole[start : start + size].view(dtype).reshape(shape)
        start += -(-size // LINE) * LINE
