"""`cupy.cuda.Event`: a point in the work of a stream, or in what it captures."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from cuda_on_cpu.stand_in.capture import Capture
from cuda_on_cpu.stand_in.device import CUDARuntimeError


class Event:
    """`recorded_on` is the name of the stream that recorded it last, at `time` in seconds.

    In a capture it stands for `nodes` of it, as bits, else for `copies` in flight.  It belongs to the device that was
    current when it was made.
    """

    stand_in: Any  # of the subclass that a stand-in makes

    def __init__(self, block: bool = False, disable_timing: bool = False) -> None:
        self.disable_timing, self.device_id = disable_timing, self.stand_in.cuda.runtime.getDevice()
        self.recorded_on: str | None = None
        self.time = 0.0
        self.capture: Capture | None = None
        self.nodes = 0
        self.copies: frozenset[int] = frozenset()

    def record(self, stream: Any = None) -> None:
        stream = stream or self.stand_in.cuda.get_current_stream()
        self.stand_in.require_device_of(stream, "an event", self.device_id)
        self.recorded_on, self.capture = stream.name, stream.capture
        if self.capture is not None:
            self.capture.require_valid()
            self.nodes = self.capture.tails[stream.ptr]
        else:
            self.copies = self.stand_in.transfers.behind(stream)
        self.time = perf_counter()  # when all work before it is done, as everywhere here

    def synchronize(self) -> None:
        if self.capture is not None:
            self._refuse_captured(self.capture)
        self.stand_in.counters.add(synchronisations=1)
        self.stand_in.queue(f"synchronize {self.recorded_on}")
        self.stand_in.transfers.finish(self.copies)

    def _refuse_captured(self, capture: Capture) -> None:
        capture.broken_by = capture.broken_by or "synchronize() of an event that it recorded"
        raise CUDARuntimeError(
            f"cudaErrorCapturedEvent: the host is to wait for an event that {self.recorded_on} recorded in a capture"
        )

    @property
    def done(self) -> bool:
        """True, and then the host may use again what copies used; False for one that was recorded in a capture."""
        if self.capture is not None:
            self.capture.broken_by = self.capture.broken_by or "the question `done` to an event that it recorded"
            return False
        self.stand_in.transfers.finish(self.copies)
        return True
