"""The namespace `cupy.cuda` of a stand-in."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

from cuda_on_cpu.stand_in.capture import Capture
from cuda_on_cpu.stand_in.compiler import Compiler
from cuda_on_cpu.stand_in.device import CUDA_VERSION, CUDARuntimeError, Device
from cuda_on_cpu.stand_in.events import Event
from cuda_on_cpu.stand_in.graph import Graph
from cuda_on_cpu.stand_in.pinned import PinnedMemory
from cuda_on_cpu.stand_in.runtime import Runtime
from cuda_on_cpu.stand_in.streams import Stream


class Cuda:
    """`cupy.cuda`; `cublas` only tells its version.

    `Stream`, `Event` and `Graph` are classes of this stand-in alone; `captures` are those under way.
    """

    def __init__(self, stand_in: Any) -> None:
        self.stand_in = stand_in
        self.captures: list[Capture] = []
        self._stream_numbers = count(1)
        self._streams: WeakValueDictionary[int, Stream] = WeakValueDictionary()
        self.runtime, self.nvrtc = Runtime(stand_in), Compiler(stand_in)
        self.cublas = SimpleNamespace(getVersion=lambda handle: 10 * CUDA_VERSION)
        stand_in.cuda = self
        self.Stream, self.Event, self.Graph = (bound(kind, stand_in) for kind in (Stream, Event, Graph))
        self.Stream.null = self.null = self.Stream(null=True)

    def Device(self, device: int | Device | None = None) -> Device:
        return Device(self.stand_in, device)

    def new_stream(self, stream: Stream) -> int:
        """The address of a stream, from which `stream_of` finds it."""
        number = next(self._stream_numbers)
        self._streams[number] = stream
        return number

    def stream_of(self, ptr: int) -> Any:
        if ptr and ptr not in self._streams:
            raise CUDARuntimeError(f"cudaErrorInvalidResourceHandle: no stream has the address {ptr}")
        return self._streams[ptr] if ptr else self.null

    def get_current_stream(self) -> Any:
        """The stream of this thread's work on the current device."""
        return self.stand_in.thread.streams.get(self.runtime.getDevice(), self.null)

    def get_elapsed_time(self, start_event: Any, end_event: Any) -> float:
        """Milliseconds between two events that keep the time; of the emulation, which is no measure of a GPU."""
        for event in start_event, end_event:
            if event.disable_timing or event.recorded_on is None or event.capture is not None:
                raise RuntimeError(
                    "cudaErrorInvalidResourceHandle: an event without timing, or never recorded outside of a capture"
                )
        return float(1e3 * (end_event.time - start_event.time))

    def is_available(self) -> bool:
        return bool(self.stand_in.devices)

    def alloc_pinned_memory(self, size: int) -> PinnedMemory:
        memory: PinnedMemory = self.stand_in.pinned.alloc(size)
        return memory


def bound(kind: type, stand_in: Any) -> Any:
    """A subclass the objects of which belong to one stand-in."""
    return type(kind.__name__, (kind,), {"stand_in": stand_in})
