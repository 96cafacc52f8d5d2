"""How contestants are timed: in turn, in an order that is drawn anew each time, once the last one's threads sleep."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random
from time import perf_counter, process_time, sleep

import numpy as np
from peer_rows import Missing

SECONDS = 0.02  # at least, of what is timed at once
QUARTILES = [25, 50, 75]


@dataclass(frozen=True)
class Times:
    """Microseconds of a step by contestant, one after each repeat; and why others did not take part."""

    microseconds: dict[str, list[float]]
    calls: dict[str, int]
    missing: dict[str, str]
    others: float | None  # cores that other processes kept busy meanwhile; None where the system does not say

    def quartiles(self, name):
        return np.percentile(self.microseconds[name], QUARTILES)

    def ratio(self, peer, ours):
        """Quartiles of how many times as long the peer takes, by pairs of the same repeat."""
        return np.percentile(np.divide(self.microseconds[peer], self.microseconds[ours]), QUARTILES)

    def fastest(self, names):
        """Of those that took part, the one with the least median; None if none did."""
        return min(
            (name for name in names if name in self.microseconds), key=lambda n: self.quartiles(n)[1], default=None
        )


def compare(row, contestants, repeats):
    """Times of one row; its memory is free again afterwards."""
    steps, missing = started(row, contestants)
    check_equal(row, steps)
    calls = {name: calls_of(step) for name, step in steps.items()}
    microseconds = {name: [] for name in steps}
    draw, order = Random(0), list(steps)
    start, elsewhere = perf_counter(), busy_elsewhere()
    for _ in range(repeats):
        draw.shuffle(order)
        for name in order:
            wait_for_sleep()
            microseconds[name].append(timed(steps[name], calls[name]))
    others = None if elsewhere is None else max(0.0, (busy_elsewhere() - elsewhere) / (perf_counter() - start))
    steps.clear()
    gc.collect()
    return Times({name: microseconds[name] for name in contestants if name in calls}, calls, missing, others)


def busy_elsewhere(stat=Path("/proc/stat")):
    """Seconds that cores have worked for others than this process, since the machine started; None but on Linux."""
    if not stat.exists():
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, stat.read_text().split()[1:9])  # without idle, iowait
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") - process_time()


def started(row, contestants):
    """The steps of those that can take part, and the reasons of the others."""
    steps, missing = {}, {}
    for name, contestant in contestants.items():
        try:
            steps[name] = row.start(contestant)
        except (ImportError, Missing) as error:
            missing[name] = str(error)
    return steps, missing


def check_equal(row, steps):
    """Let each step three times, which compiles what is compiled; ValueError unless all compute the same.

    Later results are compared by the size of the first, since a loss may fall until only its rounding is left.
    """
    results = {name: np.array([np.ravel(step())[0] for _ in range(3)], float) for name, step in steps.items()}
    for name, result in results.items():
        first, expected = next(iter(results.items()))
        error = np.abs(result - expected) / np.abs(expected[0])
        if not (error[0] <= row.tolerance and np.all(error <= row.later)):
            raise ValueError(f"{row}: {first} gives {expected.tolist()}, {name} {result.tolist()}")


def calls_of(step):
    """How many steps take `SECONDS`."""
    calls = 1
    while (seconds := calls * timed(step, calls) / 1e6) < SECONDS / 4:
        calls *= 2
    return ceil(calls * SECONDS / seconds)


def timed(step, calls):
    """Mean microseconds of a step; where they are short, after one that wakes the threads."""
    if calls > 1:
        step()
    start = perf_counter()
    for _ in range(calls):
        step()
    return (perf_counter() - start) / calls * 1e6


def wait_for_sleep(pause=0.005, limit=0.5):
    """Until this process uses no core: threads that await more work go on spinning, OpenBLAS's for 0.1 s."""
    end, busy = perf_counter() + limit, True
    while busy and perf_counter() < end:
        before = process_time()
        sleep(pause)
        busy = process_time() - before > pause / 10
