"""The namespace `cupy.cuda` of a stand-in."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

from cuda_on_cpu.stand_in.compiler import Compiler
from cuda_on_cpu.stand_in.device import CUDA_VERSION, Device, Runtime
from cuda_on_cpu.stand_in.streams import Event, Stream


class PinnedMemory(bytearray):
    """Memory of the host; on a CPU there is no other kind."""

    def size(self) -> int:
        return len(self)


class Cuda:
    """`cupy.cuda`; `cublas` only tells its version."""

    def __init__(self, stand_in: Any) -> None:
        self.stand_in = stand_in
        self.stream_numbers = count(1)
        self.runtime, self.nvrtc = Runtime(stand_in), Compiler(stand_in)
        self.cublas = SimpleNamespace(getVersion=lambda handle: 10 * CUDA_VERSION)
        stand_in.cuda = self
        self.null = Stream(stand_in, null=True)

    def Device(self, device: int | Device | None = None) -> Device:
        return Device(self.stand_in, device)

    def Stream(self, null: bool = False, non_blocking: bool = False) -> Stream:
        return self.null if null else Stream(self.stand_in, non_blocking=non_blocking)

    def Event(self, block: bool = False, disable_timing: bool = False) -> Event:
        return Event(self.stand_in, block, disable_timing)

    def get_current_stream(self) -> Any:
        """The stream of this thread's work."""
        return self.stand_in.thread.stream or self.null

    def get_elapsed_time(self, start_event: Any, end_event: Any) -> float:
        """Milliseconds between two events that keep the time; of the emulation, which is no measure of a GPU."""
        for event in start_event, end_event:
            if event.disable_timing or event.recorded_on is None:
                raise RuntimeError("cudaErrorInvalidResourceHandle: an event without timing, or never recorded")
        return float(1e3 * (end_event.time - start_event.time))

    def is_available(self) -> bool:
        return bool(self.stand_in.devices)

    def alloc_pinned_memory(self, size: int) -> PinnedMemory:
        return PinnedMemory(size)
