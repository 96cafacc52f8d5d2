"""Copies from the host in turns: in order, without waiting, and without the host overwriting what is being read."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from fusegrad.backend import resolve
from fusegrad.backend.cpu import CpuBackend


@pytest.fixture(params=["cpu", "emulated"])
def backend(request):
    return CpuBackend() if request.param == "cpu" else resolve("emulated")


def places(backend):
    return [backend.zeros((3, 5), "float32"), backend.zeros((), "int64"), backend.zeros((7,), "uint8")]


def arrays(seed):
    generator = np.random.default_rng(seed)
    return [generator.random((3, 5), "float32"), np.array(seed), generator.integers(0, 255, 7, "uint8")]


def test_arrays_arrive_and_stay_what_they_were(backend):
    targets = places(backend)
    feed = backend.feeder(targets)
    for seed in range(5):
        sources = arrays(seed)
        feed(sources)
        found = [backend.to_numpy(target) for target in targets]
        sources[0][...] = 7  # the caller may use them again
        for expected, array in zip(arrays(seed), found, strict=True):
            np.testing.assert_array_equal(array, expected)


def test_only_the_first_ones_may_come(backend):
    targets = places(backend)
    backend.feeder(targets)(arrays(3)[:1])
    np.testing.assert_array_equal(backend.to_numpy(targets[0]), arrays(3)[0])
    assert int(backend.to_numpy(targets[1])) == 0


def test_some_may_lie_on_the_device(backend):
    targets, (first, second, third) = places(backend), arrays(4)
    backend.feeder(targets)([backend.asarray(first), second, backend.asarray(third)])
    for target, expected in zip(targets, (first, second, third), strict=True):
        np.testing.assert_array_equal(backend.to_numpy(target), expected)


def test_numbers_are_converted_to_the_dtype_of_their_place(backend):
    target = backend.zeros((3,), "float32")
    backend.feeder([target])([np.arange(3.0)])
    np.testing.assert_array_equal(backend.to_numpy(target), np.arange(3, dtype="float32"))


@pytest.mark.parametrize(
    ("source", "error"), [(np.ones(4, "float32"), ValueError), (np.ones(3, "complex64"), TypeError)]
)
def test_what_does_not_fit_is_refused_before_anything_is_copied(backend, source, error):
    targets = [backend.zeros((2,), "float32"), backend.zeros((3,), "float32")]
    with pytest.raises(error, match="copy_in expects an array"):
        backend.feeder(targets)([np.ones(2, "float32"), source])
    assert backend.evaluator != "cuda" or not backend.to_numpy(targets[0]).any()


def test_nothing_at_all_may_come(backend):
    backend.feeder([])([])


def test_a_gpu_is_fed_without_waiting_or_allocating():
    backend = resolve("emulated")
    targets = places(backend)
    feed = backend.feeder(targets)
    counters = backend.xp.counters
    before = counters.as_dict()
    with backend.xp.recording() as log:
        for seed in range(4):
            feed(arrays(seed))
    after = counters.as_dict()
    for name in ("allocations", "synchronisations", "launches"):
        assert after[name] == before[name], name
    streams = {stream for what, stream in log if what == "memcpyAsync"}
    assert streams == {backend.stream.name, backend.copies.name}


def test_copies_wait_for_what_was_fed_before_and_the_step_waits_for_them():
    backend = resolve("emulated")
    feed = backend.feeder(places(backend))
    own, copies = backend.stream.name, backend.copies.name
    with backend.using_stream(), backend.xp.recording() as log:
        feed(arrays(0))
    assert log == [
        (f"wait for {own}", copies),
        ("memcpyAsync", copies),
        (f"wait for {copies}", own),
        *[("memcpyAsync", own)] * 3,
    ]


def test_a_buffer_on_the_device_is_free_when_all_was_copied_from_it():
    backend = resolve("emulated")
    feed = backend.feeder(places(backend))
    slot = feed.slots[0]
    made = slot.consumed.time
    feed(arrays(0))
    assert slot.consumed.time > slot.copied.time > made


def test_feedings_take_turns_with_two_buffers():
    backend = resolve("emulated")
    feed = backend.feeder(places(backend))
    first, second = feed.slots
    feed(arrays(0))
    assert first.copied.time > second.copied.time
    feed(arrays(1))
    assert first.copied.time < second.copied.time
    feed(arrays(2))
    assert first.copied.time > second.copied.time


def test_page_locked_memory_is_given_back_behind_the_copies_that_read_it():
    backend = resolve("emulated")
    feed = backend.feeder(places(backend))
    feed(arrays(0))
    counters = backend.xp.counters
    before = counters.synchronisations
    del feed
    gc.collect()
    assert counters.synchronisations == before + 2  # of both buffers
