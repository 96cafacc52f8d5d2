"""What all suites share: the contenders, a clock for each, and what the machine can do.

`--size small|medium|large` sets the arrays, `--emulated` lets the emulator take part.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from time import perf_counter

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # so that the suites can import their neighbours

import sizes
from ceilings import Ceiling, ceiling
from clocks import Clock, DeviceClock
from contenders import LACKING, NAMES, ON_REQUEST, Contender, running

from fusegrad.backend import BackendUnavailable

CLOCK = Clock(perf_counter)
REPEATS, ROW_SECONDS = 30, 0.01  # of what is timed by events

Measure = Callable[..., None]


def pytest_addoption(parser) -> None:
    parser.addoption("--size", choices=sizes.NAMES, help=f"how large arrays are, default {sizes.DEFAULT}")
    parser.addoption("--emulated", action="store_true", help="run kernels on the CPU, too; slow")


def pytest_configure(config) -> None:
    if config.getoption("--size"):
        os.environ[sizes.VARIABLE] = config.getoption("--size")  # before suites are imported, which ask for it


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        item.add_marker(pytest.mark.benchmark(timer=CLOCK.reading))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Where a reference uses what only NumPy has, CuPy's case is skipped and says so."""
    try:
        return (yield)
    except LACKING as error:
        if getattr(item.funcargs.get("contender"), "name", None) == "cupy":
            pytest.skip(f"CuPy cannot run this reference: {type(error).__name__}: {error}")
        raise


@pytest.fixture(params=NAMES)
def contender(request) -> Iterator[Contender]:
    """Each in turn; skipped, with the reason, where it cannot run."""
    if request.param in ON_REQUEST and not request.config.getoption("--emulated"):
        pytest.skip(f"{request.param} takes part only with --{request.param}")
    try:
        with running(request.param) as found:
            yield found
    except BackendUnavailable as error:
        pytest.skip(str(error))


@cache
def ceiling_of(name: str, dtype: str) -> Ceiling:
    """Measured once in a session."""
    with running(name) as found:
        return ceiling(found, dtype)


@pytest.fixture
def measure(contender, benchmark) -> Measure:
    """Time a function until the device is done with it; note what it does in a second, and what share of the machine.

    `warm` says that calls follow one another as steps of training do, and that what the host needs counts.
    """

    def measured(run: Callable[[], object], *, flops=0, nbytes=0, dtype="float32", warm=False, **facts) -> None:
        with contender.backend.using_stream():
            run()
            if contender.is_on_device and benchmark.enabled:
                clock = DeviceClock(contender.backend)
                repeats = 1 if contender.name == "emulated" else REPEATS
                calls = clock.calls_in(run, ROW_SECONDS) if warm and repeats > 1 else 1
                CLOCK.replay(clock.warm(run, repeats, calls) if warm else clock.cold(run, repeats))
                benchmark.pedantic(lambda: None, rounds=repeats)
            else:
                benchmark(run)
        benchmark.extra_info |= {"contender": contender.name, "size": sizes.name(), "dtype": dtype, **facts}
        benchmark.extra_info |= {"flops": flops, "bytes": nbytes}
        if benchmark.stats:  # absent under --benchmark-disable
            benchmark.extra_info |= achieved(contender, dtype, benchmark.stats.stats.median, flops, nbytes)

    return measured


def achieved(contender: Contender, dtype: str, seconds: float, flops: int, nbytes: int) -> dict[str, object]:
    """Rates, and the share of what the machine can do, by what limits it."""
    rates = {"gflop_per_s": flops / seconds / 1e9, "gb_per_s": nbytes / seconds / 1e9}
    limits = ceiling_of("cuda" if contender.name in ("cupy", "captured") else contender.name, dtype)
    floor, limit = limits.floor(flops, nbytes)
    return rates | {"share": floor / seconds, "limit": limit} if floor else rates
