"""Graphs of the stand-in: what is recorded and replayed, forks and joins, and memory that is gone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuda_on_cpu import KernelError, LaunchError, StandIn

SOURCE = """
// One thread: counts its launches in n[0], and writes y[0] = a n[0].
extern "C" __global__ void count(float a, int* n, float* y) {
    n[0] += 1;
    y[0] = a * n[0];
}
// One thread per element: y = a x.
extern "C" __global__ void scale(float a, const float* x, float* y) {
    y[threadIdx.x] = a * x[threadIdx.x];
}
"""


@pytest.fixture(params=["check", "fast"])
def cp(request: pytest.FixtureRequest) -> StandIn:
    return StandIn(mode=request.param)


@pytest.fixture
def checked() -> StandIn:
    return StandIn(mode="check")


def kernel(cp: StandIn, name: str) -> Any:
    return cp.RawModule(code=SOURCE).get_function(name)


def captured(cp: StandIn, work: Any) -> Any:
    """The graph of what `work` gives to the current stream."""
    with cp.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        work()
        return stream.end_capture()


def scale(cp: StandIn, a: float, x: Any, y: Any) -> None:
    kernel(cp, "scale")((1,), (x.size,), (np.float32(a), x, y))


def test_nothing_runs_while_it_is_recorded_and_everything_at_each_launch(cp):
    count, n, y = kernel(cp, "count"), cp.zeros(1, "int32"), cp.ones(1, "float32")
    graph = captured(cp, lambda: count((1,), (1,), (np.float32(2), n, y)))
    assert (n.item(), y.item()) == (0, 1)
    found = []
    for _ in range(3):
        graph.launch()
        found.append((n.item(), y.item()))
    assert found == [(1, 2), (2, 4), (3, 6)]


def test_a_scalar_is_frozen_and_a_value_on_the_device_is_not(cp):
    factor, x, y = np.array([2.0], np.float32), cp.ones(2, "float32"), cp.empty(2, "float32")
    run = kernel(cp, "scale")
    graph = captured(cp, lambda: run((1,), (2,), (factor, x, y)))
    factor[0], x[...] = 7, 5
    graph.launch()
    assert y.get().tolist() == [10, 10]


def test_ufuncs_fills_copies_and_elementwise_kernels_are_recorded(cp):
    x, y, z = cp.ones((2, 3), "float32"), cp.zeros((2, 3), "float32"), cp.zeros((2, 3), "float32")
    double = cp.ElementwiseKernel("float32 x", "float32 y", "y = 2 * x", "double_it")

    def work() -> None:
        np.add(x, 1, out=y)
        y[:, 1] = x[:, 0]
        z.fill(3)
        cp.clip(y, 0, 1.5, out=y)
        double(y, z)
        x[...] = z
        cp.copyto(y, 8)
        y[0] *= 2

    graph = captured(cp, work)
    names = ("add", "setitem", "fill", "clip", "double_it", "setitem", "copyto", "multiply", "setitem")
    assert graph.nodes == names and not y.get().any()
    graph.launch()
    assert x.get().tolist() == [[3, 2, 3], [3, 2, 3]]
    assert y.get().tolist() == [[16] * 3, [8] * 3]


def test_a_launch_counts_as_one_launch_of_a_graph_and_is_logged_once(cp):
    x = cp.ones(4, "float32")
    stream = cp.cuda.Stream(non_blocking=True)
    scale(cp, 1, x, x)
    graph = captured(cp, lambda: (scale(cp, 2, x, x), scale(cp, 2, x, x)))
    before = cp.counters.as_dict()
    with cp.recording() as log:
        graph.upload(stream)
        graph.launch(stream)
        graph.launch(stream=stream)
    assert log == [("launch graph", stream.name)] * 2
    changed = {name: number for name, number in cp.counters.as_dict().items() if number != before[name]}
    assert changed == {"graph_launches": 2} and (before["launches"], before["graph_launches"]) == (1, 0)
    assert x.get().tolist() == [16] * 4


def test_recording_counts_and_logs_nothing(cp):
    x = cp.ones(4, "float32")
    before = cp.counters.as_dict()
    with cp.recording() as log:
        captured(cp, lambda: scale(cp, 2, x, x))
    assert log == [] and cp.counters.as_dict() == before


def test_a_graph_runs_on_the_current_stream_by_default(cp):
    x = cp.ones(4, "float32")
    graph = captured(cp, lambda: scale(cp, 2, x, x))
    with cp.recording() as log, cp.cuda.Stream(non_blocking=True) as stream:
        graph.upload()
        graph.launch()
    assert log == [("launch graph", stream.name)]


def test_arguments_are_checked_where_they_are_recorded(cp):
    x = cp.ones(4, "float32")

    def work() -> None:
        with pytest.raises(LaunchError, match="float for parameter float32"):
            kernel(cp, "scale")((1,), (4,), (2.0, x, x))
        with pytest.raises(LaunchError, match="overlap in part"):
            kernel(cp, "scale")((1,), (3,), (np.float32(2), x[:3], x[1:]))
        with pytest.raises(ValueError, match="broadcast"):
            np.add(x, 1, out=x[:3])
        with pytest.raises(ValueError, match="broadcast"):
            x[...] = x[:3]
        with pytest.raises(TypeError, match="Cannot cast"):
            np.add(x, x, out=x.view("int32"))

    assert captured(cp, work).nodes == () and x.get().tolist() == [1] * 4


def test_whether_memory_was_written_is_asked_at_the_replay(checked):
    x, y = checked.empty(4, "float32"), checked.empty(4, "float32")
    graph = captured(checked, lambda: (scale(checked, 2, x, y), np.add(y, 1, out=y)))
    with pytest.raises(KernelError, match="initcheck"):
        graph.launch()
    with pytest.raises(LaunchError, match="nothing ever wrote"):
        y.get()
    x.fill(3)
    graph.launch()
    assert y.get().tolist() == [7] * 4


def test_every_order_of_threads_is_tried_at_the_replay():
    cp = StandIn(orders=("forward", "reverse"))
    source = 'extern "C" __global__ void last(int* y) { atomicExch(y, (int)threadIdx.x); }'
    y = cp.zeros(1, "int32")
    graph = captured(cp, lambda: cp.RawKernel(source, "last")((1,), (32,), (y,)))
    with pytest.raises(LaunchError, match="depends on the order"):
        graph.launch()


def test_streams_fork_and_join_by_events(cp):
    x, y, z = cp.ones(4, "float32"), cp.zeros(4, "float32"), cp.zeros(4, "float32")
    first, second = (cp.cuda.Stream(non_blocking=True) for _ in range(2))
    forked, joined = cp.cuda.Event(disable_timing=True), cp.cuda.Event(disable_timing=True)
    with first:
        first.begin_capture()
        scale(cp, 2, x, x)
        forked.record()
        second.wait_event(forked)
        assert second.is_capturing()
        with second:
            scale(cp, 3, x, y)
            joined.record(second)
        scale(cp, 5, x, z)
        first.wait_event(joined)
        np.add(y, z, out=z)
        graph = first.end_capture()
    assert not first.is_capturing() and not second.is_capturing()
    graph.launch()
    assert z.get().tolist() == [16] * 4


def branches(cp: StandIn, one: Any, other: Any, ordered: bool = False) -> Any:
    """A graph with `one` on a stream and `other` on a second one, which the first waits for in the end."""
    first, second = (cp.cuda.Stream(non_blocking=True) for _ in range(2))
    with first:
        first.begin_capture()
        if ordered:
            one()
        second.wait_event(first.record())
        if not ordered:
            one()
        with second:
            other()
        first.wait_event(second.record())
        return first.end_capture()


def test_a_race_between_branches_is_reported_with_both_names(checked):
    x, y, z = (checked.ones(4, "float32") for _ in range(3))
    double = checked.ElementwiseKernel("float32 x", "float32 y", "y = 2 * x", "double_it")
    with pytest.raises(LaunchError, match=r"scale \(node 0\) writes and double_it \(node 1\) reads the same memory"):
        branches(checked, lambda: scale(checked, 2, x, y), lambda: double(y, z))
    with pytest.raises(LaunchError, match=r"add \(node 0\) reads and fill \(node 1\) writes the same memory"):
        branches(checked, lambda: np.add(x, y, out=z), lambda: y.fill(3))
    with pytest.raises(LaunchError, match="a race between branches"):
        branches(checked, lambda: x.fill(2), lambda: x[2:].fill(2))
    assert branches(checked, lambda: x.fill(2), lambda: x[2:].fill(2), ordered=True).nodes == ("fill", "fill")


def test_fast_mode_does_not_look_for_races():
    cp = StandIn(mode="fast")
    x = cp.zeros(4, "float32")
    branches(cp, lambda: x.fill(2), lambda: x.fill(2)).launch()
    assert x.get().tolist() == [2] * 4


def test_branches_that_only_read_or_use_other_elements_do_not_race(checked):
    x, y = checked.ones((4, 4), "float32"), checked.ones((4, 4), "float32")
    graph = branches(checked, lambda: y[:, 0].fill(2), lambda: y.__setitem__((slice(None), 1), 3))
    branches(checked, lambda: np.add(x[0], 1, out=y[0]), lambda: np.add(x[0], 2, out=y[1])).launch()
    graph.launch()
    assert y.get()[2].tolist() == [2, 3, 1, 1]


def test_a_graph_does_not_keep_memory_alive_and_says_so(cp):
    sources, y = [cp.ones(4, "float32")], cp.ones(4, "float32")
    graph = captured(cp, lambda: (y.fill(5), scale(cp, 2, sources[0], y)))
    used = cp.counters.used_bytes
    sources.clear()
    assert cp.counters.used_bytes == used - 16
    with pytest.raises(LaunchError, match=r"scale \(node 1\) uses memory that has been freed, an array of float32"):
        graph.launch()
    assert y.get().tolist() == [1] * 4  # nothing has run


def test_a_view_of_living_memory_may_go(cp):
    memory = cp.ones(8, "float32")
    graph = captured(cp, lambda: scale(cp, 2, memory[:4], memory[4:]))
    graph.launch()
    assert memory.get().tolist() == [1] * 4 + [2] * 4


def test_allocations_are_counted(cp):
    before = cp.counters.allocations
    x = cp.zeros(3)
    x += 1
    x[1:].reshape(2, 1).fill(2)
    assert cp.counters.allocations == before + 1
    x + x
    assert cp.counters.allocations == before + 2
