"""How long work takes on a device, by its own clock.

A cold call finds the second-level cache without its arrays, as in a network whose other layers ran in between; it is
timed between two events on a queue that is kept full, so that what the host needs to launch it does not count.  In a
row of warm calls the host counts, if it is what the device waits for: that is the time of a training step.
"""

from __future__ import annotations

from statistics import median

FLUSHED = 256 << 20  # bytes, more than the second-level cache of any GPU


class Clock:
    """What pytest-benchmark reads: the time of day, or durations that a device measured, one after the other."""

    def __init__(self, now):
        self.now, self.readings = now, iter(())

    def replay(self, durations):
        """Let the next pairs of readings lie apart by these durations."""
        self.readings = iter([reading for duration in durations for reading in (0.0, duration)])

    def reading(self):
        reading = next(self.readings, None)
        return self.now() if reading is None else reading


class DeviceClock:
    """Times calls on the stream of a cuda backend, or of one that stands in for it."""

    def __init__(self, backend, flushed=FLUSHED):
        self.backend, self.cupy = backend, backend.xp
        with backend.using_stream():
            self.waste = self.cupy.empty(1 if backend.name == "emulated" else flushed, "uint8")

    def cold(self, run, repeats):
        """Seconds of each of `repeats` calls, with caches emptied before each."""
        with self.backend.using_stream():
            run()
            pairs = [self.one_cold(run) for _ in range(repeats)]
        return self.seconds(pairs)

    def one_cold(self, run):
        self.waste.fill(0)  # takes longer than the host needs for what follows, so that the queue never runs dry
        return self.between_events(run, 1)

    def warm(self, run, repeats, calls):
        """Seconds per call in each of `repeats` rows of `calls`, with nothing between them."""
        with self.backend.using_stream():
            run()
            pairs = [self.between_events(run, calls) for _ in range(repeats)]
        return [seconds / calls for seconds in self.seconds(pairs)]

    def between_events(self, run, calls):
        start, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        start.record()
        for _ in range(calls):
            run()
        end.record()
        return start, end

    def seconds(self, pairs):
        for _, end in pairs:
            end.synchronize()
        return [self.cupy.cuda.get_elapsed_time(start, end) / 1e3 for start, end in pairs]

    def calls_in(self, run, seconds):
        """How many warm calls take about that long; at least one."""
        once = median(self.warm(run, 3, 1))
        return max(1, min(1000, round(seconds / max(once, 1e-6))))


def graph_of(backend, calls):
    """The launches of all calls as one CUDA graph, as a function that launches it."""
    backend.run(calls)  # what is made at the first call, such as a loaded kernel, is no part of a graph
    return backend.capture(calls)
