"""In which order the cuda backend queues work, seen through the stand-in."""

from __future__ import annotations

import numpy as np
import pytest
from backend.stand_in import StandIn

from fusegrad.backend.cuda import CudaBackend


@pytest.fixture
def cupy() -> StandIn:
    return StandIn()


@pytest.fixture
def cuda(cupy: StandIn) -> CudaBackend:
    return CudaBackend(cupy)


def test_work_follows_what_the_caller_queued_and_the_caller_follows_it(cupy: StandIn, cuda: CudaBackend) -> None:
    with cuda.using_stream():
        cupy.zeros(3, "float32")
    cupy.zeros(3, "float32")
    assert cupy.log == [
        ("wait for default", "own"),
        ("zeros", "own"),
        ("wait for own", "default"),
        ("zeros", "default"),
    ]


def test_calls_run_in_order_on_the_stream_of_the_backend(cupy: StandIn, cuda: CudaBackend) -> None:
    cuda.run([lambda: cupy.zeros(3, "float32"), lambda: cupy.empty(3, "float32")])
    assert cupy.log == [("wait for default", "own"), ("zeros", "own"), ("empty", "own"), ("wait for own", "default")]


def test_nested_blocks_wait_once(cupy: StandIn, cuda: CudaBackend) -> None:
    with cuda.using_stream():
        cuda.zeros(3, "float32")
        cuda.copy_in(cuda.empty(3, "float32"), np.ones(3, "float32"))
    assert [what for what, _ in cupy.log] == ["wait for default", "zeros", "empty", "set", "wait for own"]


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
    cupy.log.clear()
    operation()
    (first, *queued, last) = cupy.log
    assert (first, last) == (("wait for default", "own"), ("wait for own", "default"))
    assert queued and {stream for _, stream in queued} == {"own"}


def test_the_callers_stream_is_back_after_an_error(cupy: StandIn, cuda: CudaBackend) -> None:
    with pytest.raises(ZeroDivisionError), cuda.using_stream():
        raise ZeroDivisionError
    assert cupy.current.name == "default"
    assert cupy.log[-1] == ("wait for own", "default")


def test_work_stays_on_the_device_on_which_the_backend_was_made(cupy: StandIn, cuda: CudaBackend) -> None:
    cupy.device = 1
    with cuda.using_stream():
        assert cupy.device == 0
    assert cupy.device == 1


def test_synchronize_waits_for_the_stream_of_the_backend(cupy: StandIn, cuda: CudaBackend) -> None:
    cuda.synchronize()
    assert cupy.log == [("synchronize", "own")]
