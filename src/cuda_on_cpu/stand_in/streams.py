"""`cupy.cuda.Stream` and `Event`: everything runs at once, and the log says what was queued where."""

from __future__ import annotations

from itertools import count
from time import perf_counter
from typing import Any


class Stream:
    """A queue of a stand-in; current for the thread inside its `with` block, or from `use` on."""

    def __init__(self, stand_in: Any, null: bool = False, non_blocking: bool = False) -> None:
        numbers: count[int] = stand_in.cuda.stream_numbers
        number = 0 if null else next(numbers)
        self.stand_in, self.ptr, self.is_non_blocking = stand_in, number, non_blocking
        self.name = f"stream {number}" if number else "null"
        self.device_id = -1 if null else stand_in.cuda.runtime.getDevice()

    def use(self) -> Stream:
        self.stand_in.thread.stream = self
        return self

    def __enter__(self) -> Stream:
        self.stand_in.thread.outer_streams.append(self.stand_in.cuda.get_current_stream())
        return self.use()

    def __exit__(self, *error: object) -> None:
        self.stand_in.thread.outer_streams.pop().use()

    def record(self, event: Event | None = None) -> Event:
        event = event or Event(self.stand_in)
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        if event.recorded_on is None:
            raise RuntimeError(f"{self.name} is to wait for an event that was never recorded")
        self.stand_in.queue(f"wait for {event.recorded_on}", self)

    def synchronize(self) -> None:
        self.stand_in.counters.add(synchronisations=1)
        self.stand_in.queue("synchronize", self)

    @property
    def done(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<Stream {self.name!r}>"


class Event:
    """`recorded_on` is the name of the stream that recorded it last, at `time` in seconds."""

    def __init__(self, stand_in: Any, block: bool = False, disable_timing: bool = False) -> None:
        self.stand_in, self.disable_timing = stand_in, disable_timing
        self.recorded_on: str | None = None
        self.time = 0.0

    def record(self, stream: Stream | None = None) -> None:
        self.recorded_on = (stream or self.stand_in.cuda.get_current_stream()).name
        self.time = perf_counter()  # when all work before it is done, as everywhere here

    def synchronize(self) -> None:
        self.stand_in.counters.add(synchronisations=1)
        self.stand_in.queue(f"synchronize {self.recorded_on}")

    @property
    def done(self) -> bool:
        return True
