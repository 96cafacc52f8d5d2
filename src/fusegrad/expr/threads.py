"""A few threads of our own, over which large loops are split.

Two empty calls take 17 µs here and 43 to 75 with `concurrent.futures`, its futures being polled likewise; Adam on a
million numbers 165 and 205.  That decides from what size on a second thread pays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import pairwise
from queue import SimpleQueue
from threading import Thread
from time import perf_counter, sleep

import numpy as np

VARIABLE = "FUSEGRAD_THREADS"
PATIENCE = 2e-4  # seconds
Call = Callable[[], None]
let_others_run = getattr(os, "sched_yield", partial(sleep, 0))  # the latter takes 50 µs


def thread_count() -> int:
    """What FUSEGRAD_THREADS says, else the cores that this process may use; ValueError for what is no such number."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return usable_cores()
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(f"{VARIABLE} expects a number of threads, 1 or more, got {wanted!r}")
    return int(wanted)


def usable_cores() -> int:
    """Cores that this process may use; where the system does not say, all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Worker:
    """A thread that makes the calls it is sent, under the arithmetic of a GPU: overflow gives inf without a warning."""

    def __init__(self) -> None:
        self.inbox: SimpleQueue[tuple[Call, SimpleQueue[BaseException | None]]] = SimpleQueue()
        Thread(target=self.work, name="fusegrad", daemon=True).start()

    def work(self) -> None:
        np.seterr(all="ignore")
        while True:
            call, done = self.inbox.get()
            try:
                call()
            except BaseException as error:
                done.put(error)
            else:
                done.put(None)


@cache
def worker(process: int, number: int) -> Worker:
    """One of the threads of a process; a child made by a fork has none of its parent's."""
    return Worker()


def run_together(calls: Sequence[Call]) -> None:
    """Make all calls, the first one here; returns, or raises what one of them raised, when all are done."""
    done: SimpleQueue[BaseException | None] = SimpleQueue()
    for number, call in enumerate(calls[1:]):
        worker(os.getpid(), number).inbox.put((call, done))
    try:
        calls[0]()
    finally:
        await_all(done, len(calls) - 1)
        errors = [done.get() for _ in calls[1:]]
    for error in errors:
        if error is not None:
            raise error


def await_all(done: SimpleQueue[BaseException | None], count: int) -> None:
    """Look for answers for a while, letting others run, before falling asleep: to be woken takes 30 µs."""
    patience = perf_counter() + PATIENCE
    while done.qsize() < count and perf_counter() < patience:
        let_others_run()


def shares(count: int, least: int, grain: int, head: int = 0) -> list[slice]:
    """0 .. count cut into as many pieces as there are threads, each of `least` or more and a multiple of `grain`.

    The first, which is worked on while the other threads wake up, is longer by `head`.
    """
    pieces = max(1, min(thread_count(), count // least))
    lead = min(head, count) // grain * grain if pieces > 1 else 0
    each = max(1, -(-(count - lead) // pieces // grain)) * grain
    starts = [0, *range(lead + each, count, each)]
    return [slice(start, stop) for start, stop in pairwise([*starts, count])]
