"""How long launches take on a device, by events around CUDA graphs of them: the device is measured, not the host.

Between calls the L2 cache is left as it is: in a training step, too, a launch finds there what the one before it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import Any

from fusegrad.backend.captured import recorded

Run = Callable[[], None]

ROUNDS = 7
LONG_ENOUGH = 1.0  # milliseconds of a round, a hundred times what it takes the host to launch a graph; not measured
MOST_CALLS = 128  # of a round
HOPELESS = 3  # times the least time: not worth a second measurement


def milliseconds(cuda: Any, runs: Mapping[str, Run]) -> dict[str, float]:
    """The time of each run by name, in the order of `runs`; each has run before, and nothing captures.

    It is the median of rounds in which they take turns, since clocks change under load; of those that are several times
    as slow as the fastest, it is the time of one call.
    """
    once = {name: repeated(cuda, run, 1) for name, run in runs.items()}
    for launch in once.values():
        launch()  # the first launch of a graph takes longer
    times = {name: elapsed(cuda, launch) for name, launch in once.items()}
    least = min(times.values(), default=0.0)
    hopeful = {name: calls_for(time) for name, time in times.items() if time <= HOPELESS * least}
    launches = {name: repeated(cuda, runs[name], calls) for name, calls in hopeful.items()}
    rounds = [{name: elapsed(cuda, launch) for name, launch in launches.items()} for _ in range(ROUNDS)]
    return times | {name: median(of_all[name] for of_all in rounds) / calls for name, calls in hopeful.items()}


def calls_for(time: float) -> int:
    """As many calls of this time as are long enough to be measured."""
    return MOST_CALLS if time * MOST_CALLS <= LONG_ENOUGH else max(1, round(LONG_ENOUGH / time))


def repeated(cuda: Any, run: Run, calls: int) -> Run:
    """So many calls of a run as one launch on the current stream; they are recorded on one of their own."""
    with cuda.Stream(non_blocking=True) as stream:
        graph = recorded(stream, [run] * calls)
    return partial(graph.launch, cuda.get_current_stream())


def elapsed(cuda: Any, launch: Run) -> float:
    """Milliseconds of a launch on the current stream; the host waits for it."""
    stream, start, stop = cuda.get_current_stream(), cuda.Event(), cuda.Event()
    start.record(stream)
    launch()
    stop.record(stream)
    stop.synchronize()
    return float(cuda.get_elapsed_time(start, stop))
