"""In which order the cuda backend queues work, seen through the stand-in."""

from __future__ import annotations

import numpy as np
import pytest

from cuda_on_cpu import StandIn
from fusegrad.backend.cuda import CudaBackend


@pytest.fixture
def cupy() -> StandIn:
    return StandIn(devices=2)


@pytest.fixture
def cuda(cupy: StandIn) -> CudaBackend:
    return CudaBackend(cupy)


def test_work_follows_what_the_caller_queued_and_the_caller_follows_it(cupy: StandIn, cuda: CudaBackend) -> None:
    with cupy.recording() as log:
        with cuda.using_stream():
            cupy.zeros(3, "float32")
        cupy.zeros(3, "float32")
    own = cuda.stream.name
    assert log == [("wait for null", own), ("zeros", own), (f"wait for {own}", "null"), ("zeros", "null")]


def test_calls_run_in_order_on_the_stream_of_the_backend(cupy: StandIn, cuda: CudaBackend) -> None:
    with cupy.recording() as log:
        cuda.run([lambda: cupy.zeros(3, "float32"), lambda: cupy.empty(3, "float32")])
    own = cuda.stream.name
    assert log == [("wait for null", own), ("zeros", own), ("empty", own), (f"wait for {own}", "null")]


def test_nested_blocks_wait_once(cupy: StandIn, cuda: CudaBackend) -> None:
    with cupy.recording() as log, cuda.using_stream():
        cuda.zeros(3, "float32")
        cuda.copy_in(cuda.empty(3, "float32"), np.ones(3, "float32"))
    assert [what for what, _ in log] == ["wait for null", "zeros", "empty", "set", f"wait for {cuda.stream.name}"]


@pytest.mark.parametrize(
    "method", ["empty", "zeros", "asarray", "to_numpy", "copy_in from host", "copy_in from device"]
)
def test_every_operation_runs_on_the_stream_of_the_backend(cupy: StandIn, cuda: CudaBackend, method: str) -> None:
    array = cuda.zeros(3, "float32")
    operation = {
        "empty": lambda: cuda.empty(3, "float32"),
        "zeros": lambda: cuda.zeros(3, "float32"),
        "asarray": lambda: cuda.asarray(np.ones(3)),
        "to_numpy": lambda: cuda.to_numpy(array),
        "copy_in from host": lambda: cuda.copy_in(array, np.ones(3)),
        "copy_in from device": lambda: cuda.copy_in(array, array),
    }[method]
    with cupy.recording() as log:
        operation()
    (first, *queued, last) = log
    own = cuda.stream.name
    assert (first, last) == (("wait for null", own), (f"wait for {own}", "null"))
    assert queued and {stream for _, stream in queued} == {own}


def test_the_callers_stream_is_back_after_an_error(cupy: StandIn, cuda: CudaBackend) -> None:
    with cupy.recording() as log, pytest.raises(ZeroDivisionError), cuda.using_stream():
        raise ZeroDivisionError
    assert cupy.cuda.get_current_stream() is cupy.cuda.null
    assert log[-1] == (f"wait for {cuda.stream.name}", "null")


def test_a_stream_that_the_caller_uses_without_a_block_stays_the_current_one(cupy: StandIn, cuda: CudaBackend) -> None:
    stream = cupy.cuda.Stream(non_blocking=True).use()
    with cupy.recording() as log:
        cuda.zeros(3, "float32")
    assert cupy.cuda.get_current_stream() is stream
    assert [what for what, _ in log] == [f"wait for {stream.name}", "zeros", f"wait for {cuda.stream.name}"]


def test_work_stays_on_the_device_on_which_the_backend_was_made(cupy: StandIn, cuda: CudaBackend) -> None:
    with cupy.cuda.Device(1):
        with cuda.using_stream():
            assert cupy.cuda.Device().id == 0
        assert cupy.cuda.Device().id == 1


def test_synchronize_waits_for_the_stream_of_the_backend(cupy: StandIn, cuda: CudaBackend) -> None:
    with cupy.recording() as log:
        cuda.synchronize()
    assert log == [("synchronize", cuda.stream.name)]
