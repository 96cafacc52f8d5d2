"""What all benchmarks share: a backend, and a clock that waits for it and knows what was computed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from fusegrad.backend import Backend, BackendUnavailable, resolve

sys.path.insert(0, str(Path(__file__).parent))  # so that the suites can import by_hand, overhead and imports

Measure = Callable[..., None]


@pytest.fixture(params=["cpu", "cuda"])
def backend(request) -> Backend:
    """Each backend in turn; skipped, with the reason, where it cannot run."""
    try:
        return resolve(request.param)
    except BackendUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def measure(backend, benchmark) -> Measure:
    """Time a function until the device is done with it, and note what it does in a second."""

    def measured(run: Callable[[], object], *, flops: int = 0, nbytes: int = 0, **facts: object) -> None:
        def finished() -> None:
            run()
            backend.synchronize()

        order: AbstractContextManager[None] = backend.using_stream()
        with order:
            benchmark(finished)
        benchmark.extra_info |= {"backend": backend.name, "flops": flops, "bytes": nbytes, **facts}
        if benchmark.stats:  # absent under --benchmark-disable
            seconds = benchmark.stats.stats.median
            benchmark.extra_info |= {"gflop_per_s": flops / seconds / 1e9, "gb_per_s": nbytes / seconds / 1e9}

    return measured
