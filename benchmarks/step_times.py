"""How a training step is timed in every library alike: rows of steps, one after the other, until the device is done."""

from __future__ import annotations

from statistics import median
from time import perf_counter

REPEATS, SECONDS = 50, 0.006  # rows, and how long one of them is to take


def median_step(run, wait, repeats=REPEATS, seconds=SECONDS):
    """Seconds of one call of `run`: the median over rows of calls, each ended by `wait`, after one that warms up."""
    calls = calls_in(run, wait, seconds)
    times = []
    for _ in range(repeats + 1):
        start = perf_counter()
        for _ in range(calls):
            run()
        wait()
        times.append((perf_counter() - start) / calls)
    return median(times[1:])


def calls_in(run, wait, seconds):
    """How many calls take about that long; at least one."""
    run()
    wait()
    calls = 1
    while True:
        start = perf_counter()
        for _ in range(calls):
            run()
        wait()
        passed = perf_counter() - start
        if passed >= seconds / 2:
            return max(1, round(calls * seconds / passed))
        calls *= 2
