"""What cannot be captured is refused, with the errors of CuPy and CUDA."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from cuda_on_cpu import LaunchError, StandIn


@pytest.fixture
def cp() -> StandIn:
    return StandIn(mode="fast")


@pytest.fixture
def x(cp: StandIn) -> Any:
    return cp.ones((2, 2), "float32")


@pytest.fixture
def stream(cp: StandIn, x: Any) -> Any:
    """A stream that is current and captures, begun when x was there."""
    with cp.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        yield stream


@pytest.fixture
def cuda_error(cp: StandIn) -> Any:
    """A context that expects an error of CUDA with this name."""
    return lambda name: pytest.raises(cp.cuda.runtime.CUDARuntimeError, match=name)


@pytest.fixture
def invalidated(stream: Any, cuda_error: Any) -> Any:
    """After the test, the capture must be lost, and the stream as before."""
    yield
    with pytest.raises(RuntimeError, match="an error has invalidated the capture sequence"):
        stream.is_capturing()
    with cuda_error("cudaErrorStreamCaptureInvalidated"):
        stream.end_capture()
    assert not stream.is_capturing()
    stream.synchronize()


@pytest.mark.parametrize("read", [
    lambda x: x.get(), lambda x: x.get(blocking=False), lambda x: float(x[0, 0]), lambda x: x[0, 0].item(),
    lambda x: bool(x[0, 0]), lambda x: x.tolist(),
])  # fmt: skip
def test_reading_on_the_host(x, stream, read):
    with pytest.raises(RuntimeError, match="the current stream is capturing, so D2H transfers are disallowed"):
        read(x)
    assert stream.end_capture().nodes == ()


def test_setting_from_the_host_even_from_pinned_memory(cp, x, stream):
    pinned = np.frombuffer(cp.cuda.alloc_pinned_memory(16), np.float32).reshape(2, 2)
    for host in (np.ones((2, 2), np.float32), pinned):
        with pytest.raises(RuntimeError, match="the current stream is capturing, so H2D transfers are disallowed"):
            x.set(host)
        with pytest.raises(RuntimeError, match="the current stream is capturing, so H2D transfers are disallowed"):
            cp.asarray(host)
    assert stream.end_capture().nodes == ()


@pytest.mark.usefixtures("invalidated")
def test_copies_by_address_from_pageable_memory(cp, x, stream, cuda_error):
    host = np.ones(4, np.float32)
    for target, source, kind in ((x.data.ptr, host.ctypes.data, 1), (host.ctypes.data, x.data.ptr, 2)):
        with cuda_error("cudaErrorStreamCaptureUnsupported: memcpyAsync with pageable memory"):
            cp.cuda.runtime.memcpyAsync(target, source, 16, kind, stream.ptr)


@pytest.mark.usefixtures("invalidated")
def test_waiting_for_the_stream(stream, cuda_error):
    with cuda_error("cudaErrorStreamCaptureUnsupported"):
        stream.synchronize()


@pytest.mark.usefixtures("invalidated")
def test_waiting_for_the_device(cp, stream, cuda_error):
    with cuda_error("cudaErrorStreamCaptureUnsupported"):
        cp.cuda.Device().synchronize()


@pytest.mark.usefixtures("invalidated")
def test_waiting_for_the_device_in_another_thread(cp, stream, cuda_error):
    with cuda_error("cudaErrorStreamCaptureUnsupported"), ThreadPoolExecutor(1) as pool:
        pool.submit(cp.cuda.Device().synchronize).result()


def test_waiting_for_another_device_is_no_matter(cuda_error):
    cp = StandIn(devices=2)
    stream = cp.cuda.Stream(non_blocking=True)
    stream.begin_capture()
    with cp.cuda.Device(1) as other:
        other.synchronize()
    assert stream.end_capture().nodes == ()


@pytest.mark.usefixtures("invalidated")
def test_asking_the_stream(stream):
    assert not stream.done


@pytest.mark.usefixtures("invalidated")
def test_waiting_for_an_event_of_the_capture(stream, cuda_error):
    event = stream.record()
    with cuda_error("cudaErrorCapturedEvent"):
        event.synchronize()


@pytest.mark.usefixtures("invalidated")
def test_asking_an_event_of_the_capture(stream):
    assert not stream.record().done


def test_events_of_a_capture_are_of_no_use_behind_it(cp, stream, cuda_error):
    event = stream.record()
    stream.end_capture()
    assert not event.done
    with cuda_error("cudaErrorCapturedEvent"):
        event.synchronize()
    with cuda_error("cudaErrorCapturedEvent"):
        cp.cuda.Stream().wait_event(event)
    with pytest.raises(RuntimeError, match="outside of a capture"):
        cp.cuda.get_elapsed_time(event, event)
    event.record(stream)
    assert event.done


@pytest.mark.parametrize("multiply", [
    lambda cp, x: x @ x, lambda cp, x: cp.matmul(x, x, out=x.T.T), lambda cp, x: cp.dot(x, x),
    lambda cp, x: cp.einsum("ij,jk", x, x),
])  # fmt: skip
def test_products_by_cublas(cp, x, stream, multiply):
    with pytest.raises(NotImplementedError, match="calling cuBLAS API during stream capture"):
        multiply(cp, x)
    assert stream.end_capture().nodes == ()


@pytest.mark.parametrize("allocate", [
    lambda cp, x: cp.empty(3), lambda cp, x: cp.zeros(3), lambda cp, x: cp.arange(3), lambda cp, x: x + 1,
    lambda cp, x: cp.exp(x), lambda cp, x: x.copy(), lambda cp, x: x.astype("float64"), lambda cp, x: x.sum(),
    lambda cp, x: cp.stack([x, x]), lambda cp, x: x.T.ravel(), lambda cp, x: x[[0, 1, 0]],
    lambda cp, x: x.sum(axis=0, out=x[0]), lambda cp, x: x.__setitem__([0, 1], 5),
])  # fmt: skip
def test_allocations(cp, x, stream, allocate):
    before = cp.counters.as_dict()
    with pytest.raises(LaunchError, match="allocates device memory during a capture"):
        allocate(cp, x)
    assert stream.end_capture().nodes == () and cp.counters.as_dict() == before


def test_elements_by_an_array_of_indices(cp, x):
    rows = cp.arange(1)
    with cp.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        with pytest.raises(LaunchError, match="setitem by an index of arrays allocates device memory"):
            x[rows] = 5
        assert stream.end_capture().nodes == ()


def test_the_null_stream_beside_a_capture_of_the_same_thread(cp, x, stream, cuda_error):
    graph_of_before = cp.cuda.Stream(non_blocking=True)
    graph_of_before.begin_capture()
    graph = graph_of_before.end_capture()
    for work in (
        lambda: x.fill(2),
        lambda: x.get(),
        lambda: np.add(x, 1, out=x),
        lambda: cp.cuda.runtime.memcpy(x.data.ptr, x.data.ptr + 8, 8, 3),
        graph.launch,
    ):
        with cp.cuda.Stream.null, cuda_error("cudaErrorStreamCaptureImplicit: .* on the null stream while"):
            work()
    with cp.cuda.Stream.null, pytest.raises(LaunchError, match="allocates device memory during a capture"):
        cp.empty(3)
    assert not cp.cuda.Stream.null.is_capturing()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: x.fill(2)).result()
    assert stream.end_capture().nodes == () and x.get().tolist() == [[2, 2], [2, 2]]


def test_the_null_stream_beside_a_blocking_stream(cp, cuda_error):
    stream = cp.cuda.Stream()
    stream.begin_capture()
    with cuda_error("cudaErrorStreamCaptureImplicit"):
        cp.cuda.Stream.null.is_capturing()
    stream.end_capture()
    assert not cp.cuda.Stream.null.is_capturing()


def test_work_on_the_null_stream_is_the_end_of_a_capture_of_a_blocking_one_whatever_thread_it_is_of(cp, cuda_error):
    stream, x = cp.cuda.Stream(), cp.ones(3)
    with ThreadPoolExecutor(1) as pool:
        for work in lambda: x.fill(2), lambda: pool.submit(x.fill, 2).result():
            stream.begin_capture()
            with cuda_error("cudaErrorStreamCaptureImplicit"):
                work()
            with cuda_error("cudaErrorStreamCaptureInvalidated"):
                stream.end_capture()


def test_other_threads_may_allocate_beside_a_capture(cp):
    stream = cp.cuda.Stream()
    stream.begin_capture()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(cp.empty, 3).result().shape == (3,)
    assert stream.end_capture().nodes == ()


def test_other_streams_go_on_beside_a_capture(cp, x, stream):
    with cp.cuda.Stream(non_blocking=True) as other:
        x.fill(3)
        other.synchronize()
        assert other.done and x.get().tolist() == [[3, 3], [3, 3]]
    assert stream.end_capture().nodes == ()


def test_begin_capture_checks(cp, stream, cuda_error):
    with pytest.raises(RuntimeError, match=r"cannot capture on the default \(legacy\) stream"):
        cp.cuda.Stream.null.begin_capture()
    with cuda_error("cudaErrorIllegalState: .* captures already"):
        stream.begin_capture()
    with cuda_error("cudaErrorInvalidValue"):
        cp.cuda.Stream().begin_capture(mode=3)
    other = cp.cuda.Stream()
    other.begin_capture(cp.cuda.runtime.streamCaptureModeThreadLocal)
    assert other.is_capturing() and other.end_capture().nodes == () and stream.end_capture().nodes == ()


@pytest.mark.parametrize("mode", ["Global", "ThreadLocal"])
def test_only_a_relaxed_capture_may_end_in_another_thread(cp, cuda_error, mode):
    strict, relaxed = (cp.cuda.Stream(non_blocking=True) for _ in range(2))
    strict.begin_capture(getattr(cp.cuda.runtime, f"streamCaptureMode{mode}"))
    relaxed.begin_capture()
    with ThreadPoolExecutor(1) as pool:
        with cuda_error("cudaErrorStreamCaptureWrongThread"):
            pool.submit(strict.end_capture).result()
        assert pool.submit(relaxed.end_capture).result().nodes == ()
    assert strict.end_capture().nodes == ()


def test_end_capture_without_begin(cp, cuda_error):
    with cuda_error("cudaErrorIllegalState: stream 1 captures nothing"):
        cp.cuda.Stream().end_capture()


@pytest.mark.usefixtures("invalidated")
def test_end_capture_of_a_forked_stream(cp, stream, cuda_error):
    other = cp.cuda.Stream(non_blocking=True)
    other.wait_event(stream.record())
    with cuda_error("cudaErrorStreamCaptureUnmatched"):
        other.end_capture()


@pytest.mark.usefixtures("invalidated")
def test_waiting_in_a_capture_for_an_event_from_outside(cp, x, stream, cuda_error):
    with cuda_error("cudaErrorStreamCaptureIsolation"):
        stream.wait_event(cp.cuda.Stream(non_blocking=True).record())
    with cuda_error("cudaErrorStreamCaptureInvalidated: .* waiting for an event"):
        x.fill(2)
    with cuda_error("cudaErrorStreamCaptureInvalidated"):
        stream.record()


@pytest.mark.usefixtures("invalidated")
def test_waiting_on_the_null_stream_for_a_captured_event(cp, stream, cuda_error):
    with cuda_error("cudaErrorStreamCaptureImplicit"):
        cp.cuda.Stream.null.wait_event(stream.record())


def test_two_captures_do_not_merge(cp, stream, cuda_error):
    other = cp.cuda.Stream(non_blocking=True)
    other.begin_capture()
    with cuda_error("cudaErrorStreamCaptureMerge"):
        stream.wait_event(other.record())
    with cuda_error("cudaErrorStreamCaptureInvalidated"):
        other.end_capture()


def test_a_fork_that_is_not_joined(cp, x, stream, cuda_error):
    other = cp.cuda.Stream(non_blocking=True)
    other.wait_event(stream.record())
    with other:
        x.fill(2)
    with cuda_error(r"cudaErrorStreamCaptureUnjoined: .* does not wait for fill \(node 0\)"):
        stream.end_capture()
    assert not stream.is_capturing() and not other.is_capturing()


def test_work_behind_the_join_is_not_joined(cp, x, stream, cuda_error):
    other = cp.cuda.Stream(non_blocking=True)
    other.wait_event(stream.record())
    with other:
        x.fill(2)
        stream.wait_event(other.record())
        x.fill(3)
    with cuda_error(r"cudaErrorStreamCaptureUnjoined: .* does not wait for fill \(node 1\)"):
        stream.end_capture()


def test_a_graph_inside_of_a_graph(cp, stream):
    other = cp.cuda.Stream(non_blocking=True)
    other.begin_capture()
    graph = other.end_capture()
    for use in (graph.launch, graph.upload):
        with pytest.raises(NotImplementedError, match="no child graphs"):
            use()


def test_a_graph_cannot_be_made_by_hand(cp):
    with pytest.raises(NotImplementedError, match="must be created via stream capture"):
        cp.cuda.Graph()
