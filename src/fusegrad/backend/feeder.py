"""Arrays from the host to their places on a GPU while both go on working: double buffers in page-locked memory."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend.base import check_copy
from fusegrad.backend.cuda import is_on_device

if TYPE_CHECKING:
    from fusegrad.backend.cuda import CudaBackend

TO_DEVICE, ON_DEVICE = 1, 3  # cudaMemcpyHostToDevice, cudaMemcpyDeviceToDevice
ALIGNMENT = 256
SLOTS = 2


class Feeder:
    """Copies arrays to contiguous `destinations`, always the same, in the order of a backend's stream.

    The host writes one of two buffers and goes on.  A second stream copies it to a buffer on the device while the
    first one still computes, which then copies from there.  The host waits only where it is two feedings ahead.
    """

    def __init__(self, backend: CudaBackend, destinations: Sequence[Any]) -> None:
        self.backend, self.destinations = backend, list(destinations)
        self.slots = [Slot(backend, self.destinations) for _ in range(SLOTS if self.destinations else 0)]
        self.turn = 0

    def __call__(self, sources: Sequence[Any]) -> None:
        """Copy the sources to the first destinations; ValueError or TypeError, and no copy, where one does not fit."""
        pairs = list(zip(self.destinations, sources, strict=False))
        for destination, source in pairs:
            check_copy(destination, source)
        from_host = [number for number, (_, source) in enumerate(pairs) if not is_on_device(source)]
        with self.backend.using_stream():
            for destination, source in pairs:
                if is_on_device(source):
                    destination[...] = self.backend.xp.asarray(source)
            if from_host:
                self.slots[self.turn].send(from_host, sources)
                self.turn = (self.turn + 1) % SLOTS


class Slot:
    """One page-locked buffer with room for every destination, and its like on the device."""

    def __init__(self, backend: CudaBackend, destinations: Sequence[Any]) -> None:
        self.backend, self.destinations = backend, destinations
        self.ends = np.cumsum([-(-array.nbytes // ALIGNMENT) * ALIGNMENT for array in destinations]).tolist()
        self.starts = [0, *self.ends[:-1]]
        self.memory = backend.xp.cuda.alloc_pinned_memory(self.ends[-1])
        self.device = backend.empty(self.ends[-1], "uint8")
        self.views = [self.view(start, array) for start, array in zip(self.starts, destinations, strict=True)]
        make = backend.xp.cuda.Event
        self.copied, self.consumed = (make(disable_timing=True) for _ in range(2))
        self.copied.record(backend.copies)
        self.consumed.record(backend.stream)
        # Page-locked memory goes back to a pool that hands it out again: not while a copy still reads it.
        weakref.finalize(self, wait_for, self.copied, self.memory).atexit = False

    def view(self, start: int, like: Any) -> NDArray[Any]:
        return np.frombuffer(self.memory, like.dtype, like.size, start).reshape(like.shape)

    def send(self, numbers: Sequence[int], sources: Sequence[Any]) -> None:
        """Copy the sources of these numbers to their destinations."""
        if not self.copied.done:
            self.copied.synchronize()  # or the host would write what is still being read
        for number in numbers:
            np.copyto(self.views[number], sources[number])
        stream, copies, copy = self.backend.stream, self.backend.copies, self.backend.xp.cuda.runtime.memcpyAsync
        start, end = self.starts[numbers[0]], self.ends[numbers[-1]]
        copies.wait_event(self.consumed)
        copy(self.device.data.ptr + start, self.memory.ptr + start, end - start, TO_DEVICE, copies.ptr)
        self.copied.record(copies)
        stream.wait_event(self.copied)
        for number in numbers:
            target, source = self.destinations[number], self.device.data.ptr + self.starts[number]
            copy(target.data.ptr, source, target.nbytes, ON_DEVICE, stream.ptr)
        self.consumed.record(stream)


def wait_for(event: Any, memory: Any) -> None:
    """Keep the memory until the event has happened."""
    event.synchronize()
