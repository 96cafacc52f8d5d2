"""Pinned memory, copies by address, and what the host must not touch before it has waited."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuda_on_cpu import LaunchError, StandIn

TO_DEVICE, TO_HOST, ON_DEVICE, DEFAULT = 1, 2, 3, 4


@pytest.fixture(params=["check", "fast"])
def cp(request: pytest.FixtureRequest) -> StandIn:
    return StandIn(mode=request.param)


@pytest.fixture
def stream(cp: StandIn) -> Any:
    return cp.cuda.Stream(non_blocking=True)


@pytest.fixture
def x(cp: StandIn) -> Any:
    return cp.zeros(4, "float32")


@pytest.fixture
def host(cp: StandIn) -> Any:
    """Four floats of pinned memory: 1, 2, 3, 4."""
    array = np.frombuffer(cp.cuda.alloc_pinned_memory(16), np.float32)
    array[:] = 1, 2, 3, 4
    return array


def copy(cp: StandIn, target: Any, source: Any, kind: int, stream: Any) -> None:
    """memcpyAsync from one array to another."""
    addresses = [array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr for array in (target, source)]
    cp.cuda.runtime.memcpyAsync(*addresses, source.nbytes, kind, stream.ptr)


def test_pinned_memory_is_a_buffer_with_an_address(cp):
    memory = cp.cuda.alloc_pinned_memory(12)
    array = np.frombuffer(memory, "int32", 2, 4)
    array[:] = 7
    assert memory.size() == 12 and array.ctypes.data == memory.ptr + 4 and memory.ptr % 4096 == 0
    assert bytes(memoryview(memory)[4:8]) == np.int32(7).tobytes()
    assert cp.cuda.alloc_pinned_memory(0).size() == 0


def test_bytes_go_to_the_device_over_it_and_back(cp, x, host, stream):
    y, back = cp.empty(4, "float32"), np.frombuffer(cp.cuda.alloc_pinned_memory(16), np.float32)
    with cp.recording() as log:
        copy(cp, x, host, TO_DEVICE, stream)
        copy(cp, y, x, ON_DEVICE, stream)
        copy(cp, back, y, TO_HOST, stream)
    assert log == [("memcpyAsync", stream.name)] * 3
    assert np.isnan(back).all()  # until the host has waited
    before = cp.counters.as_dict()
    assert (before["copies_to_device"], before["copies_to_host"], before["synchronisations"]) == (1, 1, 0)
    stream.synchronize()
    assert back.tolist() == [1, 2, 3, 4]


def test_the_kind_may_be_left_to_the_addresses(cp, x, host, stream):
    y, back = cp.empty(4, "float32"), np.empty(4, np.float32)
    for target, source in ((x, host), (y, x), (back, y)):
        copy(cp, target, source, DEFAULT, stream)
    assert back.tolist() == [1, 2, 3, 4]
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidMemcpyDirection"):
        copy(cp, back, host, DEFAULT, stream)
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidMemcpyDirection: kind 7"):
        copy(cp, x, host, 7, stream)


def test_a_copy_to_pageable_memory_waits_and_one_from_it_does_not(cp, x, stream):
    plain = np.arange(4, dtype=np.float32)
    copy(cp, x, plain, TO_DEVICE, stream)
    plain[:] = 0
    assert cp.counters.synchronisations == 0
    copy(cp, plain, x, TO_HOST, stream)
    assert cp.counters.synchronisations == 1 and plain.tolist() == [0, 1, 2, 3]


def test_memcpy_waits_for_the_host_side(cp, x, host):
    y = cp.empty(4, "float32")
    cp.cuda.runtime.memcpy(x.data.ptr, host.ctypes.data, 16, TO_DEVICE)
    host[:] = 0
    cp.cuda.runtime.memcpy(y.data.ptr, x.data.ptr, 16, ON_DEVICE)
    assert cp.counters.synchronisations == 1
    cp.cuda.runtime.memcpy(host.ctypes.data, y.data.ptr, 16, TO_HOST)
    assert cp.counters.synchronisations == 2 and host.tolist() == [1, 2, 3, 4]
    cp.cuda.runtime.memcpy(0, 0, 0, TO_HOST)


def test_copies_stay_inside_of_an_allocation(cp, x, host, stream):
    memcpy, at, pinned = cp.cuda.runtime.memcpyAsync, x.data.ptr, host.ctypes.data
    for arguments, message in [
        ((at + 8, pinned, 12, TO_DEVICE), "12 bytes, but the memory of the device ends after 8"),
        ((at, pinned + 12, 8, TO_DEVICE), "8 bytes, but pinned memory ends after 4"),
        ((pinned, at, 20, TO_HOST), "20 bytes, but pinned memory ends after 16"),
        ((at + 16, pinned, 4, TO_DEVICE), "no memory of the device at"),
        ((pinned, pinned, 4, TO_DEVICE), "no memory of the device at"),
        ((at, at + 8, 8, TO_HOST), "is no memory of the host"),
        ((0, at, 8, TO_HOST), "0x0 is no memory of the host"),
        ((at, at + 4, 8, ON_DEVICE), "overlap"),
    ]:
        with pytest.raises(LaunchError, match=message):
            memcpy(*arguments, stream.ptr)
    memcpy(at + 16, pinned, 0, TO_DEVICE, stream.ptr)
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="no stream has the address 99"):
        memcpy(at, pinned, 4, TO_DEVICE, 99)
    assert not x.get().any()


def test_copies_carry_along_what_was_written():
    cp = StandIn(mode="check")
    x, y, host = cp.empty(4, "float32"), cp.empty(4, "float32"), np.ones(2, np.float32)
    copy(cp, x, host, TO_DEVICE, cp.cuda.Stream.null)
    assert x[:2].get().tolist() == [1, 1]
    copy(cp, y, x, ON_DEVICE, cp.cuda.Stream.null)
    with pytest.raises(LaunchError, match=r"reads element \(2,\)"):
        y.get()
    with pytest.raises(LaunchError, match=r"memcpyAsync reads element \(8,\)"):
        copy(cp, np.ones(4, np.float32), y, TO_HOST, cp.cuda.Stream.null)


WAITS = {
    "stream": lambda cp, stream, event: stream.synchronize(),
    "event": lambda cp, stream, event: event.synchronize(),
    "device": lambda cp, stream, event: cp.cuda.Device().synchronize(),
    "stream.done": lambda cp, stream, event: stream.done,
    "event.done": lambda cp, stream, event: event.done,
}


@pytest.mark.parametrize("name", ["memcpyAsync", "set", "asarray"])
def test_the_host_must_not_write_what_is_still_being_read(cp, x, host, stream, name):
    with stream:
        kept = begin(cp, name, x, host, stream)
    host[2] = 9
    with pytest.raises(LaunchError, match=rf"the host overwrote pinned memory that copy 1 \({name} to the device on"):
        stream.synchronize()
    stream.synchronize()  # reported once
    assert kept.get().tolist() == [1, 2, 3, 4]


def begin(cp: StandIn, name: str, x: Any, host: Any, stream: Any) -> Any:
    """Begin a copy to the device; the array there."""
    if name == "asarray":
        return cp.asarray(host)
    if name == "set":
        x.set(host)
    else:
        copy(cp, x, host, TO_DEVICE, stream)
    return x


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_after_a_wait_the_host_may_write(cp, x, host, stream, wait):
    event = cp.cuda.Event(disable_timing=True)
    x.set(host, stream)
    event.record(stream)
    wait(cp, stream, event)
    host[:] = 5
    cp.cuda.Device().synchronize()
    x.set(host, stream)
    assert x.get(stream=stream).tolist() == [5] * 4


@pytest.mark.parametrize("wait", ["event", "event.done", "other stream"])
def test_waiting_for_something_else_is_not_enough(cp, x, host, stream, wait):
    event = stream.record()
    x.set(host, stream)
    if wait == "other stream":
        cp.cuda.Stream(non_blocking=True).synchronize()
    else:
        WAITS[wait](cp, stream, event)
    host[:] = 5
    with pytest.raises(LaunchError, match="the host overwrote pinned memory"):
        stream.synchronize()


def test_a_fault_is_found_by_any_wait_and_reported_once(cp, x, host, stream):
    x.set(host, stream)
    host[:] = 5
    with pytest.raises(LaunchError, match="the host overwrote pinned memory"):
        cp.cuda.Stream(non_blocking=True).synchronize()
    stream.synchronize()


def test_a_stream_that_waits_for_the_copy_will_do(cp, x, host, stream):
    other = cp.cuda.Stream(non_blocking=True)
    x.set(host, stream)
    other.wait_event(stream.record())
    other.record().synchronize()
    host[:] = 5
    stream.synchronize()
    assert x.get().tolist() == [1, 2, 3, 4]


def test_using_the_memory_again_too_early_is_found(cp, x, host, stream):
    x.set(host, stream)
    host[:] = 5
    with pytest.raises(LaunchError, match="the host overwrote pinned memory that copy 1"):
        x.set(host, stream)


def test_what_arrives_on_the_host_is_poison_until_it_is_waited_for(cp, x, host, stream):
    x.fill(7)
    assert x.get(stream=stream, out=host, blocking=False) is host
    assert np.isnan(host).all() and cp.counters.synchronisations == 0
    assert stream.done and host.tolist() == [7] * 4 and cp.counters.synchronisations == 0


def test_blocking_and_pageable_copies_to_the_host_have_arrived(cp, x, host, stream):
    assert x.get(stream=stream, out=host).tolist() == [0] * 4
    assert x.get(stream=stream, blocking=False).tolist() == [0] * 4
    assert cp.counters.synchronisations == 2
    with pytest.raises(RuntimeError, match="non-contiguous ndarray"):
        x.get(out=np.empty((4, 2), np.float32)[:, 0])


def test_the_host_must_not_write_where_something_will_arrive(cp, x, host, stream):
    x.get(stream=stream, out=host, blocking=False)
    host[0] = 1
    with pytest.raises(LaunchError, match=r"overwrote pinned memory that copy 1 \(get to the host on .* still writes"):
        stream.synchronize()


def test_copies_in_the_order_of_a_stream_follow_each_other(cp, x, host, stream):
    y = cp.empty(4, "float32")
    x.set(host, stream)
    x.get(stream=stream, out=host, blocking=False)
    y.set(host, stream)
    stream.synchronize()
    assert y.get().tolist() == host.tolist() == [1, 2, 3, 4]


def test_copies_on_two_streams_are_not_in_order(cp, x, host, stream):
    other = cp.cuda.Stream(non_blocking=True)
    x.get(stream=stream, out=host, blocking=False)
    with pytest.raises(LaunchError, match=r"set on stream 2 uses pinned memory of copy 1 .*nothing orders the two"):
        x.set(host, other)
    other.wait_event(stream.record())
    x.set(host, other)
    other.synchronize()
    assert host.tolist() == [0] * 4


@pytest.mark.parametrize("waited", [0, 1])
def test_two_streams_may_read_the_same(cp, x, host, stream, waited):
    streams, y = [stream, cp.cuda.Stream(non_blocking=True)], cp.empty(4, "float32")
    x.set(host, streams[0])
    y.set(host, streams[1])
    streams[waited].synchronize()
    host[:] = 5
    with pytest.raises(LaunchError, match=f"copy {2 - waited}"):
        streams[1 - waited].synchronize()


def test_layouts_are_kept(cp, stream):
    pinned = np.frombuffer(cp.cuda.alloc_pinned_memory(24), np.float32)
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    by_columns = pinned.reshape(3, 2).T
    by_columns[...] = values
    x = cp.empty((2, 3), "float32")
    x.set(by_columns, stream)  # from a copy, since the orders differ
    by_columns[...] = 0
    x.get(stream=stream, out=by_columns, blocking=False)
    stream.synchronize()
    assert by_columns.tolist() == values.tolist() == x.get().tolist()


def test_pinned_memory_that_is_freed_too_early_is_reported(cp, x, host, stream):
    copy(cp, x, np.frombuffer(cp.cuda.alloc_pinned_memory(16), np.float32), TO_DEVICE, stream)
    with pytest.raises(LaunchError, match=r"copy 1 .* uses pinned memory that has been freed, 16 bytes"):
        stream.synchronize()
    y = cp.empty(4, "float32")
    copy(cp, y, np.frombuffer(cp.cuda.alloc_pinned_memory(16), np.float32), TO_DEVICE, stream)
    del y  # nobody can see the copy any more
    stream.synchronize()
    with stream:
        z = cp.asarray(np.frombuffer(cp.cuda.alloc_pinned_memory(16), np.float32))  # the source of which CuPy holds
    stream.synchronize()
    assert z.shape == (4,)


def captured(cp: StandIn, stream: Any, work: Any) -> Any:
    stream.begin_capture()
    work()
    return stream.end_capture()


def test_copies_with_pinned_memory_become_nodes(cp, x, host, stream):
    back = np.frombuffer(cp.cuda.alloc_pinned_memory(16), np.float32)
    double = cp.ElementwiseKernel("float32 x", "float32 y", "y = 2 * x", "double_it")

    def work() -> None:
        copy(cp, x, host, TO_DEVICE, stream)
        double(x, x, stream=stream)
        copy(cp, back, x, TO_HOST, stream)

    graph = captured(cp, stream, work)
    assert graph.nodes == ("memcpyAsync", "double_it", "memcpyAsync") and not x.get().any()
    for start in (0, 10):
        host[:] = range(start, start + 4)
        graph.launch(stream)
        assert np.isnan(back).all()
        stream.synchronize()
        assert back.tolist() == [2 * value for value in range(start, start + 4)]


def test_the_host_must_wait_for_a_graph_that_reads_its_memory(cp, x, host, stream):
    graph = captured(cp, stream, lambda: copy(cp, x, host, TO_DEVICE, stream))
    host[:] = 5  # nothing reads it yet
    graph.launch(stream)
    graph.launch(stream)
    host[:] = 6
    with pytest.raises(LaunchError, match="the host overwrote pinned memory that copy 2"):
        graph.launch(stream)


def test_pinned_memory_that_a_graph_has_lost_is_reported(cp, x, stream):
    sources = [np.frombuffer(cp.cuda.alloc_pinned_memory(16), np.float32)]
    graph = captured(cp, stream, lambda: copy(cp, x, sources[0], TO_DEVICE, stream))
    graph.launch(stream)
    stream.synchronize()
    sources.clear()
    with pytest.raises(LaunchError, match=r"memcpyAsync \(node 0\) uses pinned memory that has been freed"):
        graph.launch(stream)


def test_branches_race_for_pinned_memory():
    cp = StandIn(mode="check")
    host = np.frombuffer(cp.cuda.alloc_pinned_memory(16), np.float32)
    x, y = cp.zeros(4, "float32"), cp.zeros(2, "float32")
    first, second = (cp.cuda.Stream(non_blocking=True) for _ in range(2))

    def graph(part: Any) -> Any:
        first.begin_capture()
        second.wait_event(first.record())
        copy(cp, x[:2], host[:2], TO_DEVICE, first)
        copy(cp, part, y, TO_HOST, second)
        first.wait_event(second.record())
        return first.end_capture()

    assert graph(host[2:]).nodes == ("memcpyAsync",) * 2
    with pytest.raises(LaunchError, match=r"memcpyAsync \(node 0\) reads and memcpyAsync \(node 1\) writes the same"):
        graph(host[:2])
