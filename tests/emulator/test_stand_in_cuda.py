"""Devices, streams, events and the log of the stand-in."""

from __future__ import annotations

import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from cuda_on_cpu import StandIn


@pytest.fixture
def cp() -> StandIn:
    return StandIn(devices=2)


def in_a_thread(function: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="mode expects"):
        StandIn(mode="slow")
    with pytest.raises(ValueError, match="orders expects"):
        StandIn(orders=("backward",))
    with pytest.raises(ValueError, match="orders expects"):
        StandIn(orders="forward")
    with pytest.raises(ValueError, match="architecture expects one of"):
        StandIn(architecture="sm_80")


def test_stand_ins_share_nothing() -> None:
    one, other = StandIn(), StandIn()
    with one.cuda.Stream(non_blocking=True):
        one.zeros(3).get()
        assert other.cuda.get_current_stream() is other.cuda.null
    assert other.counters.as_dict() == StandIn().counters.as_dict()
    assert len({one, other}) == 2 and weakref.ref(one)() is one


def test_it_can_take_the_place_of_the_module(cp: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cp)
    import cupy

    assert cupy is cp
    assert find_spec("cupy") is cp.__spec__


def test_the_device_is_current_in_its_block_and_its_thread(cp: StandIn) -> None:
    with cp.cuda.Device(1) as device:
        assert (device.id, cp.cuda.Device().id, cp.cuda.runtime.getDevice()) == (1, 1, 1)
        assert cp.empty(3).device == device != cp.cuda.Device(0)
        assert in_a_thread(lambda: cp.cuda.Device().id) == 0
        with cp.cuda.Device(0):
            assert cp.cuda.Device().id == 0
        assert cp.cuda.Device().id == 1
    assert cp.cuda.Device().id == 0


def test_devices_that_are_not_there(cp: StandIn) -> None:
    assert cp.cuda.is_available() and cp.cuda.runtime.getDeviceCount() == 2
    with pytest.raises(RuntimeError, match="cudaErrorInvalidDevice: device 2 of 2"):
        cp.cuda.Device(2).use()
    none = StandIn(devices=0)
    assert not none.cuda.is_available()
    with pytest.raises(none.cuda.runtime.CUDARuntimeError, match="cudaErrorNoDevice"):
        none.cuda.runtime.getDeviceCount()


@pytest.mark.parametrize(("architecture", "shared"), [("75", 65536), ("80", 166912), ("90", 232448), ("120", 101376)])
def test_the_architecture_decides_what_the_device_has(architecture: str, shared: int) -> None:
    cp = StandIn(architecture=architecture)
    device = cp.cuda.Device()
    assert device.compute_capability == architecture
    assert device.attributes["MaxSharedMemoryPerBlockOptin"] == shared
    properties = cp.cuda.runtime.getDeviceProperties(0)
    assert 10 * properties["major"] + properties["minor"] == int(architecture)
    assert properties["multiProcessorCount"] == device.attributes["MultiProcessorCount"] > 0


def test_streams_nest_in_each_thread_by_itself(cp: StandIn) -> None:
    stream = cp.cuda.Stream(non_blocking=True)
    with stream, cp.cuda.Stream() as inner:
        assert cp.cuda.get_current_stream() is inner != stream
        assert in_a_thread(cp.cuda.get_current_stream) is cp.cuda.null
    assert cp.cuda.get_current_stream() is cp.cuda.null
    assert stream.ptr != inner.ptr != cp.cuda.null.ptr == 0


def test_every_device_has_a_current_stream_of_its_own(cp: StandIn) -> None:
    with cp.cuda.Stream() as stream:
        with cp.cuda.Device(1):
            assert cp.cuda.get_current_stream() is cp.cuda.null
            with cp.cuda.Stream() as other:
                assert cp.cuda.get_current_stream() is other
        assert cp.cuda.get_current_stream() is stream


def test_a_stream_becomes_current_on_its_own_device_only(cp: StandIn) -> None:
    stream = cp.cuda.Stream()
    with cp.cuda.Device(1):
        with pytest.raises(RuntimeError, match=r"created on \(0\) does not match with the current device \(1\)"):
            stream.use()
        with pytest.raises(RuntimeError, match="does not match"), stream:
            pass
        cp.cuda.null.use()
    assert cp.cuda.get_current_stream() is cp.cuda.null


def test_a_block_ends_with_the_stream_of_the_block_around_it_even_after_use(cp: StandIn) -> None:
    used = cp.cuda.Stream().use()
    cp.ones(3) + 1
    assert cp.cuda.get_current_stream() is used
    with cp.cuda.Stream():
        pass
    assert cp.cuda.get_current_stream() is cp.cuda.null


def test_an_event_is_recorded_on_streams_of_its_device_and_waited_for_on_any(cp: StandIn) -> None:
    event, stream = cp.cuda.Event(), cp.cuda.Stream()
    with cp.cuda.Device(1):
        other = cp.cuda.Stream()
        for wrong in other, cp.cuda.null:
            with pytest.raises(RuntimeError, match="cudaErrorInvalidResourceHandle: an event of device 0"):
                event.record(wrong)
    other.wait_event(stream.record(event))


def test_a_kernel_runs_on_streams_of_the_current_device(cp: StandIn) -> None:
    kernel = cp.RawKernel('extern "C" __global__ void one(int* x) { *x = 1; }', "one")
    kernel((1,), (1,), (cp.zeros(1, "int32"),), stream=cp.cuda.Stream())
    assert cp.cuda.get_current_stream() is cp.cuda.null
    with cp.cuda.Device(1):
        stream = cp.cuda.Stream()
    with pytest.raises(RuntimeError, match="a launch of one of device 0 on stream 2 of device 1"):
        kernel((1,), (1,), (cp.zeros(1, "int32"),), stream=stream)


def test_streams_and_events_are_objects_of_classes_of_their_stand_in(cp: StandIn) -> None:
    stream, event, other = cp.cuda.Stream(non_blocking=True), cp.cuda.Event(disable_timing=True), StandIn()
    assert isinstance(stream, cp.cuda.Stream) and isinstance(event, cp.cuda.Event)
    assert isinstance(stream.record(), cp.cuda.Event) and isinstance(cp.cuda.get_current_stream(), cp.cuda.Stream)
    assert not isinstance(stream, other.cuda.Stream) and not isinstance(event, other.cuda.Event)


def test_the_null_stream_is_one_by_whatever_name(cp: StandIn) -> None:
    assert cp.cuda.Stream.null is cp.cuda.null
    assert cp.cuda.Stream(null=True) == cp.cuda.null != cp.cuda.Stream()
    assert len({cp.cuda.null, cp.cuda.Stream(null=True), StandIn().cuda.null}) == 2


def test_the_log_tells_what_was_queued_on_which_stream(cp: StandIn) -> None:
    stream = cp.cuda.Stream(non_blocking=True)
    cp.zeros(3)
    with cp.recording() as log:
        event = cp.cuda.get_current_stream().record(cp.cuda.Event(disable_timing=True))
        stream.wait_event(event)
        with stream:
            x = cp.asarray(np.ones(3))
            x += x.copy()
        x.get(stream)
        stream.synchronize()
    cp.zeros(3)
    name = stream.name
    assert log == [
        ("wait for null", name),
        ("asarray", name),
        ("copy", name),
        ("add", name),
        ("get", name),
        ("synchronize", name),
    ]


def test_an_event_must_be_recorded_before_a_stream_waits_for_it(cp: StandIn) -> None:
    with pytest.raises(RuntimeError, match="never recorded"):
        cp.cuda.Stream().wait_event(cp.cuda.Event())


def test_every_wait_of_the_host_is_counted(cp: StandIn) -> None:
    stream, event = cp.cuda.Stream(), cp.cuda.Event()
    event.record(stream)
    assert stream.done and event.done and cp.counters.synchronisations == 0
    event.synchronize()
    stream.synchronize()
    cp.cuda.Device().synchronize()
    cp.cuda.runtime.deviceSynchronize()
    assert cp.counters.synchronisations == 4


def test_events_keep_the_time_where_they_are_asked_to():
    cupy = StandIn()
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    start.record()
    cupy.zeros(3)
    end.record()
    assert cupy.cuda.get_elapsed_time(start, end) > 0
    for other in (cupy.cuda.Event(), cupy.cuda.Stream().record(cupy.cuda.Event(disable_timing=True))):
        with pytest.raises(RuntimeError, match="without timing, or never recorded"):
            cupy.cuda.get_elapsed_time(start, other)
