"""Asynchronous copies between pinned memory and the device, for which the host has not waited yet.

A copy is done at once, and yet remembered until the host has waited for it.  Until then the host must leave alone what
is copied to the device, and finds poison where a copy from the device will arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.memory import POISON, Memory
from cuda_on_cpu.stand_in.pinned import PinnedSpan


@dataclass(frozen=True)
class Transfer:
    """One copy in flight.

    `expected`: what the host must leave in the pinned memory.  `arriving`: what a copy to the host will put there, and
    `target` the memory of the device that a copy from the host has written.  `keeps` is what CuPy holds until then.
    """

    name: str
    span: PinnedSpan
    expected: bytes
    arriving: bytes | None = None
    target: ref[Memory] | None = None
    keeps: Any = None

    @property
    def reads(self) -> bool:
        return self.arriving is None

    @property
    def is_forgotten(self) -> bool:
        """Whether both of its ends were freed, so that nobody can see what it copies."""
        return self.target is not None and self.target() is None and self.span.memory() is None

    def check(self) -> None:
        """LaunchError where the host did not wait."""
        if not self.is_forgotten and self.span.view(self.name).tobytes() != self.expected:
            does = "reads" if self.reads else "writes"
            raise LaunchError(
                f"the host overwrote pinned memory that {self.name} still {does}, at {self.span.start:#x}: "
                "wait for its stream, or for an event recorded behind it"
            )

    def finish(self) -> None:
        self.check()
        if self.arriving is not None:
            self.span.view(self.name)[:] = np.frombuffer(self.arriving, np.uint8)


class Transfers:
    """The copies in flight of a stand-in, and for each stream those that are done when it is done."""

    def __init__(self) -> None:
        self._in_flight: dict[int, Transfer] = {}
        self._behind: defaultdict[int, set[int]] = defaultdict(set)
        self._last = 0  # number of a copy
        self._lock = RLock()

    def read(self, name: str, span: PinnedSpan, stream: Any, target: Memory, keeps: Any = None) -> bytes:
        """Begin a copy to memory of the device; the bytes that it finds."""
        with self._lock:
            self._clear(name, span, stream, reads=True)
            contents = span.view(name).tobytes()
            title = self._title(name, "to the device", stream)
            self._add(stream, Transfer(title, span, contents, target=ref(target), keeps=keeps))
        return contents

    def write(self, name: str, span: PinnedSpan, stream: Any, contents: bytes) -> None:
        """Begin a copy from the device."""
        with self._lock:
            self._clear(name, span, stream, reads=False)
            span.view(name)[:] = POISON
            title = self._title(name, "to the host", stream)
            self._add(stream, Transfer(title, span, bytes([POISON]) * span.nbytes, arriving=contents))

    def behind(self, stream: Any) -> frozenset[int]:
        """The copies that have been made when the stream has done what it was given so far."""
        with self._lock:
            self._behind[stream.ptr] &= self._in_flight.keys()
            return frozenset(self._behind[stream.ptr])

    def follow(self, stream: Any, numbers: frozenset[int]) -> None:
        """Let what the stream is given from now on come after these copies."""
        with self._lock:
            self._behind[stream.ptr] |= numbers

    def finish(self, numbers: Iterable[int]) -> None:
        """The host knows that these are done; all others are checked."""
        with self._lock:
            for number in sorted(numbers):
                if number in self._in_flight:
                    self._in_flight.pop(number).finish()
            for number, transfer in list(self._in_flight.items()):
                del self._in_flight[number]  # so that one that is wrong is reported once
                if not transfer.is_forgotten:
                    transfer.check()
                    self._in_flight[number] = transfer

    def finish_all(self) -> None:
        self.finish(list(self._in_flight))

    def _title(self, name: str, direction: str, stream: Any) -> str:
        return f"copy {self._last + 1} ({name} {direction} on {stream.name})"

    def _add(self, stream: Any, transfer: Transfer) -> None:
        self._last += 1
        self._in_flight[self._last] = transfer
        self._behind[stream.ptr].add(self._last)

    def _clear(self, name: str, span: PinnedSpan, stream: Any, reads: bool) -> None:
        """Finish earlier copies of the same memory; LaunchError where the stream does not come after them."""
        for number, earlier in list(self._in_flight.items()):
            if not earlier.span.meets(span):
                continue
            ordered, both_read = number in self._behind[stream.ptr], reads and earlier.reads
            if not (ordered or both_read):
                raise LaunchError(
                    f"{name} on {stream.name} uses pinned memory of {earlier.name}, and nothing orders the two"
                )
            self._in_flight.pop(number).finish()
            if both_read and not (ordered and span.contains(earlier.span)):
                self._in_flight[number] = earlier  # which the later copy does not stand for
