"""Calls with space for what they make on the way: memory of the thread, which they use one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend.cuda import namespace
from fusegrad.ops.op import Bound

LINE = 64
NBYTES = 1 << 19  # to begin with, so that it seldom grows
Wanted = tuple[tuple[int, ...], Any]  # the shape and dtype of an array


class Memory(threading.local):
    """The memory of the calling thread, which grows to what the largest user has asked for.

    `taken` is how much of it the calls have within which the thread is binding another.
    """

    def __init__(self) -> None:
        self.bytes: NDArray[Any] = np.empty(NBYTES, np.uint8)
        self.taken = 0

    def arrays(self, wanted: tuple[Wanted, ...]) -> Iterator[Any]:
        """Arrays side by side in what is not taken."""
        start = self.taken
        if len(self.bytes) < start + needed(wanted):
            self.bytes = np.empty(start + needed(wanted), np.uint8)
        start += -(self.bytes.ctypes.data + start) % LINE
        for shape, dtype in wanted:
            size = prod(shape) * np.dtype(dtype).itemsize
            yield self.bytes[start : start + size].view(dtype).reshape(shape)
            start += -(-size // LINE) * LINE


def needed(wanted: tuple[Wanted, ...]) -> int:
    """Bytes that arrays take, wherever the first of them begins."""
    return LINE + sum(prod(shape) * np.dtype(dtype).itemsize + LINE for shape, dtype in wanted)


memory = Memory()


class OfThread(threading.local):
    """A call that is bound anew in every thread that makes it, with arrays in the memory of that thread.

    While it runs they are its own: those of the calls that are bound within it lie behind them.
    """

    def __init__(self, bind: Callable[..., Bound], wanted: tuple[Wanted, ...]) -> None:
        arrays, before = list(memory.arrays(wanted)), memory.taken
        memory.taken += needed(wanted)
        try:
            self.call = bind(*arrays)
        finally:
            memory.taken = before

    def __call__(self) -> None:
        self.call()


def with_space(like: Any, bind: Callable[..., Bound], *wanted: Wanted) -> Bound:
    """The call that `bind(*arrays)` returns for arrays of these shapes and dtypes, where `like` is.

    What is in them is anybody's until the call writes it, and after it.  On a GPU they are made here.
    """
    if isinstance(like, np.ndarray):
        return OfThread(bind, wanted)
    return bind(*(namespace(like).empty(*one) for one in wanted))
