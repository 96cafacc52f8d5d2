"""The memory that a launch may touch, as the checker takes it, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.launch import ArrayRange
from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.memory import Memory

LARGEST_GRANULE = 4
SLACK = 2  # the checker may look at the granule behind the last one


@dataclass
class Stretch:
    """Bytes `start` to `stop` of an allocation; arguments that overlap share one stretch."""

    memory: Memory
    start: int
    stop: int
    granule: int
    read_only: bool
    name: str
    valid: NDArray[np.uint8] | None = None

    @property
    def raw(self) -> NDArray[np.uint8]:
        return self.memory.raw[self.start - self.memory.start : self.stop - self.memory.start]

    @property
    def written(self) -> NDArray[np.uint8]:
        assert self.memory.written is not None
        return self.memory.written[self.start - self.memory.start : self.stop - self.memory.start]

    def as_range(self) -> ArrayRange:
        """With the marks of bytes gathered into marks of granules."""
        valid = None
        if self.memory.written is not None:
            self.valid = np.zeros((self.stop - self.start) // self.granule + SLACK, np.uint8)
            self.valid[:-SLACK] = self.written.reshape(-1, self.granule).all(1)
            valid = int(self.valid.ctypes.data)
        return ArrayRange(self.start, self.stop - self.start, self.granule, self.read_only, valid, self.name)

    def note_writes(self) -> None:
        if self.valid is not None:
            bytes_of_granules = self.written.reshape(-1, self.granule)
            bytes_of_granules |= self.valid[:-SLACK, None]


def stretches(kernel: str, arguments: Sequence[tuple[int, Any, bool]], inplace_ok: bool) -> list[Stretch]:
    """The stretches of (position, array, whether the parameter points to const), in the order of addresses.

    Two arguments may be one and the same memory, for kernels that work in place; LaunchError where they overlap in
    part and one of them may be written, unless `inplace_ok`.
    """
    merged: list[Stretch] = []
    for position, array, read_only in sorted(arguments, key=lambda argument: int(argument[1].data.ptr)):
        if not array.nbytes:
            continue
        new = stretch(array, read_only, f"argument {position}")
        if not merged or new.start >= merged[-1].stop:
            merged.append(new)
            continue
        last = merged[-1]
        same = (new.start, new.stop) == (last.start, last.stop)
        if not (same or inplace_ok or (new.read_only and last.read_only)):
            raise LaunchError(
                f"{kernel}: {last.name} and {new.name} overlap in part, and one of them may be written; "
                "set inplace_ok where the kernel is made for that"
            )
        merged[-1] = union(last, new)
    return merged


def stretch(array: Any, read_only: bool, name: str) -> Stretch:
    low, high = np.lib.array_utils.byte_bounds(array.host)
    return Stretch(array.memory, low, high, min(LARGEST_GRANULE, array.itemsize), read_only, name)


def union(a: Stretch, b: Stretch) -> Stretch:
    granule, read_only = min(a.granule, b.granule), a.read_only and b.read_only
    return Stretch(a.memory, a.start, max(a.stop, b.stop), granule, read_only, f"{a.name} and {b.name}")
