"""The GPU that is asked for, or the emulator with all sizes shrunk, for a rehearsal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from statistics import median
from typing import Any

from clocks import DeviceClock

import fusegrad as fg

Found = dict[str, Any]
Item = tuple[str, Callable[[], Found]]
Items = Iterator[Item]
BACKEND = os.environ.get("FUSEGRAD_BACKEND") or "cuda"
REHEARSED = BACKEND == "emulated"
REPEATS = 1 if REHEARSED else 50


def device() -> Any:
    return fg.backend.resolve(BACKEND)


@cache
def clock() -> DeviceClock:
    return DeviceClock(device())


def timed(run: Callable[[], object]) -> float:
    """The median time of a call in seconds, by the clock of the GPU, its second-level cache emptied before each."""
    return median(clock().cold(run, REPEATS))


def sustained(run: Callable[[], object]) -> float:
    """The median time of a call in seconds among others of its kind."""
    calls = 1 if REHEARSED else clock().calls_in(run, 0.02)
    return median(clock().warm(run, 1 if REHEARSED else 7, calls))


def installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
