"""Memory for columns: one piece for every thread, which all convolutions that run in it use one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE = 64
NBYTES = 5 << 18  # to begin with, so that it seldom grows


class Memory(threading.local):
    """The memory of the calling thread, as large as its largest user asked; those before that one keep the smaller."""

    def __init__(self) -> None:
        self.bytes: NDArray[Any] = np.empty(NBYTES, np.uint8)

    def at_least(self, nbytes: int) -> NDArray[Any]:
        if len(self.bytes) < nbytes:
            self.bytes = np.empty(nbytes, np.uint8)
        return self.bytes


memory = Memory()


def arrays(*wanted: tuple[tuple[int, ...], Any]) -> Iterator[Any]:
    """Arrays of these shapes and dtypes side by side in the memory of this thread, which is anybody's afterwards."""
    sizes = [prod(shape) * dtype.itemsize for shape, dtype in wanted]
    whole = memory.at_least(sum(size + LINE for size in sizes) + LINE)
    start = -whole.ctypes.data % LINE
    for size, (shape, dtype) in zip(sizes, wanted, strict=True):
        yield whole[start : start + size].view(dtype).reshape(shape)
        start += -(-size // LINE) * LINE
