"""Launches as one graph: recorded without running, in the order of the backend."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor, wait
from weakref import ref

import numpy as np
import pytest

from fusegrad.backend import cublaslt, resolve
from fusegrad.backend.cpu import CpuBackend
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.ops import counter, elementwise


@pytest.fixture(params=["cpu", "emulated"])
def backend(request):
    return CpuBackend() if request.param == "cpu" else resolve("emulated")


def test_recording_runs_nothing_and_each_call_runs_all(backend):
    count, x = backend.zeros((), "uint64"), backend.asarray(np.ones(3, "float32"))
    with backend.using_stream():
        doubling = elementwise.accumulate.bound(backend.evaluator, x, x)
        calls = [counter.count.bound(backend.evaluator, count), doubling]
    run = backend.capture(calls)
    assert (int(backend.to_numpy(count)), backend.to_numpy(x).tolist()) == (0, [1, 1, 1])
    for _ in range(3):
        run()
    assert (int(backend.to_numpy(count)), backend.to_numpy(x).tolist()) == (3, [8, 8, 8])


def test_what_a_graph_cannot_hold_is_refused_and_the_stream_goes_on():
    backend = resolve("emulated")
    x = backend.zeros((3,), "float32")
    with pytest.raises(Exception, match="captur"):
        backend.capture([lambda: backend.to_numpy(x)])
    assert not backend.stream.is_capturing()
    assert backend.to_numpy(x).tolist() == [0, 0, 0]


def test_the_arrays_of_a_graph_live_as_long_as_it():
    backend = resolve("emulated")

    def captured():
        x = backend.zeros((3,), "float32")
        with backend.using_stream():
            call = elementwise.fill.bound("cuda", x, 2.0)
        return backend.capture([call])

    captured()()


@pytest.fixture
def eager_collector():
    """Garbage is collected at every chance."""
    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    yield
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("eager_collector")
def test_garbage_waits_until_a_capture_has_ended_since_a_library_that_goes_would_end_it():
    backend = EmulatedBackend("fast")
    x = backend.zeros((3,), "float32")
    with backend.using_stream():
        filling = elementwise.fill.bound("cuda", x, 2.0)
        library = cublaslt.home(x)

    def abandon():
        cycle = [held.pop()]
        cycle.append(cycle)
        del cycle
        return [[number] for number in range(100)]

    held, gone = [library], ref(library)
    del library
    run = backend.capture([abandon, filling])
    assert gc.isenabled() and not held
    gc.collect()
    assert gone() is None
    run()
    assert backend.to_numpy(x).tolist() == [2, 2, 2]


def test_a_collector_that_is_off_stays_off():
    backend = resolve("emulated")
    gc.disable()
    try:
        backend.capture([])
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("work", ["zeros", "synchronize"])
def test_another_thread_waits_with_its_work_until_the_capture_has_ended(work):
    backend = EmulatedBackend("fast")
    x = backend.zeros((3,), "float32")
    with backend.using_stream():
        filling = elementwise.fill.bound("cuda", x, 2.0)
    with ThreadPoolExecutor(1) as pool:
        other = {"zeros": lambda: backend.zeros((3,), "float32").shape, "synchronize": backend.synchronize}[work]
        begun = []

        def begin():
            begun.append(pool.submit(other))
            wait(begun, timeout=0.2)

        run = backend.capture([begin, filling])
        run()
        assert begun[0].result() == ((3,) if work == "zeros" else None)
    assert backend.to_numpy(x).tolist() == [2, 2, 2]
