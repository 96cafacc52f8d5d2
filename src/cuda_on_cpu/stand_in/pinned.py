"""Pinned memory of the host, which the pretended devices may copy from and to while the host goes on."""

from __future__ import annotations

from dataclasses import dataclass
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Any
from weakref import WeakValueDictionary, ref

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.memory import POISON


class PinnedMemory(mmap):
    """What `cupy.cuda.alloc_pinned_memory` gives: whole pages of poison, at `ptr`, with the protocol of buffers."""

    def __new__(cls, nbytes: int) -> PinnedMemory:
        return super().__new__(cls, -1, max(1, nbytes), MAP_PRIVATE | MAP_ANONYMOUS)

    def __init__(self, nbytes: int) -> None:
        whole = np.frombuffer(self, np.uint8)
        whole[:] = POISON
        self.nbytes, self.ptr = nbytes, int(whole.ctypes.data)

    def size(self) -> int:
        return self.nbytes


@dataclass(frozen=True)
class PinnedSpan:
    """`nbytes` bytes at the address `start` of pinned memory, which it does not keep alive."""

    memory: ref[PinnedMemory]
    start: int
    nbytes: int

    @property
    def bounds(self) -> tuple[int, int]:
        return self.start, self.start + self.nbytes

    def require_alive(self, user: str) -> None:
        self.view(user)

    def view(self, user: str) -> NDArray[np.uint8]:
        """The bytes themselves; LaunchError where the memory is gone."""
        memory = self.memory()
        if memory is None:
            raise LaunchError(f"{user} uses pinned memory that has been freed, {self.nbytes} bytes at {self.start:#x}")
        return np.frombuffer(memory, np.uint8, self.nbytes, self.start - memory.ptr)

    def meets(self, other: PinnedSpan) -> bool:
        return self.start < other.bounds[1] and other.start < self.bounds[1]

    def contains(self, other: PinnedSpan) -> bool:
        return self.start <= other.start and other.bounds[1] <= self.bounds[1]


class PinnedPool:
    """The pinned memory of a stand-in, known by its addresses."""

    def __init__(self) -> None:
        self._memories: WeakValueDictionary[int, PinnedMemory] = WeakValueDictionary()

    def alloc(self, nbytes: int) -> PinnedMemory:
        memory = PinnedMemory(nbytes)
        self._memories[memory.ptr] = memory
        return memory

    def span(self, start: int, nbytes: int, user: str) -> PinnedSpan | None:
        """The bytes at an address; None where it is no pinned one, LaunchError where they go on behind the end."""
        for memory in list(self._memories.values()):
            if memory.ptr <= start < memory.ptr + memory.nbytes:
                left = memory.ptr + memory.nbytes - start
                if nbytes > left:
                    raise LaunchError(f"{user}: {nbytes} bytes, but pinned memory ends after {left}")
                return PinnedSpan(ref(memory), start, nbytes)
        return None

    def span_of(self, array: NDArray[Any], user: str) -> PinnedSpan | None:
        """Of an array whose elements lie one behind the other."""
        return self.span(int(array.ctypes.data), array.nbytes, user) if array.nbytes else None
