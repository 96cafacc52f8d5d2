"""`cupy.cuda.Stream`: everything runs at once or is recorded, and the log says what was queued where."""

from __future__ import annotations

from typing import Any

from cuda_on_cpu.stand_in.branches import require_no_races
from cuda_on_cpu.stand_in.capture import Capture
from cuda_on_cpu.stand_in.device import CUDARuntimeError
from cuda_on_cpu.stand_in.events import Event

CAPTURE_MODES = GLOBAL, THREAD_LOCAL, RELAXED = 0, 1, 2


class Stream:
    """A queue of a stand-in; current for the thread and its device inside of its `with` block, or from `use` on.

    As in CuPy a block ends with the stream of the block around it, or the null one, also where `use` was called before.
    """

    stand_in: Any  # of the subclass that a stand-in makes
    null: Any  # as well

    def __init__(self, null: bool = False, non_blocking: bool = False, *, priority: int | None = None) -> None:
        self.ptr = 0 if null else self.stand_in.cuda.new_stream(self)
        self.is_non_blocking, self.priority = non_blocking, priority or 0
        self.name = f"stream {self.ptr}" if self.ptr else "null"
        self.device_id = -1 if null else self.stand_in.cuda.runtime.getDevice()
        self.capture: Capture | None = None

    def use(self) -> Stream:
        here = self.stand_in.cuda.runtime.getDevice()
        if self.device_id not in (-1, here):
            raise RuntimeError(
                f"The device that the stream is created on ({self.device_id}) does not match with the current device "
                f"({here})"
            )
        self.stand_in.thread.streams[here] = self
        return self

    def __enter__(self) -> Stream:
        self.use()
        self.stand_in.thread.blocks.append((self.stand_in.cuda.runtime.getDevice(), self))
        return self

    def __exit__(self, *error: object) -> None:
        blocks = self.stand_in.thread.blocks
        device, _ = blocks.pop()
        around = (stream for its_device, stream in reversed(blocks) if its_device == device)
        self.stand_in.thread.streams[device] = next(around, self.stand_in.cuda.null)

    def record(self, event: Event | None = None) -> Event:
        event = event or self.stand_in.cuda.Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let the next work come after what was given to the stream of the event before it was recorded.

        If that is captured, this stream takes part in the capture from now on.
        """
        if event.recorded_on is None:
            raise RuntimeError(f"{self.name} is to wait for an event that was never recorded")
        if event.capture is not None:
            self._follow_captured(event, event.capture)
        elif self.capture is not None:
            what = f"waiting for an event that {event.recorded_on} recorded outside of the capture"
            self.capture.breaks("cudaErrorStreamCaptureIsolation", what)
        else:
            self.stand_in.transfers.follow(self, event.copies)
            self.stand_in.queue(f"wait for {event.recorded_on}", self)

    def _follow_captured(self, event: Event, capture: Capture) -> None:
        if capture not in self.stand_in.cuda.captures:
            raise CUDARuntimeError(
                f"cudaErrorCapturedEvent: {self.name} is to wait for an event that was last recorded in a capture"
            )
        if self.ptr == 0:
            capture.breaks("cudaErrorStreamCaptureImplicit", "waiting for a captured event on the null stream")
        if self.capture not in (None, capture):
            capture.breaks("cudaErrorStreamCaptureMerge", f"waiting for its event in the capture of {self.name}")
        capture.join(self, event.nodes)

    def synchronize(self) -> None:
        if self.capture is not None:
            self.capture.breaks("cudaErrorStreamCaptureUnsupported", f"{self.name}.synchronize()")
        self.stand_in.queue("synchronize", self)
        self.stand_in.wait(self)

    @property
    def done(self) -> bool:
        """True, and then the host may use again what copies used; in a capture, which this ends, False."""
        if self.capture is not None:
            self.capture.broken_by = self.capture.broken_by or f"the question {self.name}.done"
            return False
        self.stand_in.transfers.finish(self.stand_in.transfers.behind(self))
        return True

    def begin_capture(self, mode: int | None = None) -> None:
        """Record what the stream is given from now on, and do not run it, until `end_capture`."""
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if mode is not None and mode not in CAPTURE_MODES:
            raise CUDARuntimeError(f"cudaErrorInvalidValue: mode expects one of {CAPTURE_MODES}, got {mode!r}")
        if self.capture is not None:
            raise CUDARuntimeError(f"cudaErrorIllegalState: {self.name} captures already")
        self.capture = Capture(self, mode in (None, RELAXED))
        self.stand_in.cuda.captures.append(self.capture)

    def end_capture(self) -> Any:
        """The `Graph` of what was recorded.

        The capture is over also where an error is raised: CUDARuntimeError where CUDA refuses what was recorded, and
        LaunchError in check mode where branches race.
        """
        capture = self.capture
        if capture is None:
            raise CUDARuntimeError(f"cudaErrorIllegalState: {self.name} captures nothing")
        if capture.origin is not self:
            capture.breaks("cudaErrorStreamCaptureUnmatched", f"end_capture of {self.name}")
        capture.require_thread()
        self.stand_in.cuda.captures.remove(capture)
        nodes = capture.close()
        if self.stand_in.mode == "check":
            require_no_races(nodes)
        return self.stand_in.cuda.Graph.of(nodes)

    def is_capturing(self) -> bool:
        """Whether work is recorded; RuntimeError where an error has made the capture invalid."""
        if self.ptr == 0:
            self.stand_in.refuse_implicit_capture()
        if self.capture is not None and self.capture.broken_by:
            raise RuntimeError("the stream was capturing, but an error has invalidated the capture sequence")
        return self.capture is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and (self.stand_in, self.ptr) == (other.stand_in, other.ptr)

    def __hash__(self) -> int:
        return hash((self.stand_in, self.ptr))

    def __repr__(self) -> str:
        return f"<Stream {self.name!r}>"
