"""Calls of cuBLASLt: what they share, allocate and wait for, and their capture."""

from __future__ import annotations

import numpy as np
import pytest
from backend.cublaslt_bench import Bench, close, wide

from cuda_on_cpu import LaunchError
from fusegrad.backend import cublaslt


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_captured_product_runs_when_the_graph_is_launched(bench):
    call = bench.call()
    bound, before = bench.bound(call), call.d.memory.get()
    stream = bench.cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        bound()
        graph = stream.end_capture()
        assert graph.nodes == ("cublasLtMatmul",)
        np.testing.assert_array_equal(call.d.memory.get(), before)
        call.a.memory[...] = 1
        launches = bench.cupy.counters.launches
        graph.launch()
    assert bench.cupy.counters.launches == launches  # a graph counts as one of its own
    close(wide(call.d), wide(call.a) @ wide(call.b), "float32")
    assert wide(call.a).all()


def test_two_branches_that_share_the_workspace_race(bench):
    one, other = bench.bound(bench.call()), bench.bound(bench.call())
    stream, beside = (bench.cupy.cuda.Stream(non_blocking=True) for _ in range(2))
    with stream:
        stream.begin_capture()
        beside.wait_event(stream.record())
        one()
        with beside:
            other()
        stream.wait_event(beside.record())
        with pytest.raises(LaunchError, match="a race between branches of a graph: cublasLtMatmul"):
            stream.end_capture()


def test_nothing_is_bound_while_a_stream_captures(bench):
    call, home = bench.call(), bench.home()
    stream = bench.cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        with pytest.raises(RuntimeError, match="bound before a capture begins"):
            cublaslt.bound(home, call)
        stream.end_capture()


def test_a_call_allocates_and_waits_for_nothing(bench):
    bound = bench.bound(bench.call())
    before = bench.cupy.counters.as_dict()
    with bench.cupy.recording() as log:
        bound()
    after = bench.cupy.counters.as_dict()
    assert {name for name in after if after[name] != before[name]} == {"launches"}
    assert log == [("cublasLtMatmul", "null")]


def test_a_call_is_queued_on_the_stream_that_is_current(bench):
    bound = bench.bound(bench.call())
    with bench.cupy.recording() as log, bench.backend.using_stream():
        bound()
    assert ("cublasLtMatmul", bench.backend.stream.name) in log


def test_calls_share_a_workspace_as_large_as_the_device_wants(bench):
    homes = [bound.home for bound in (bench.bound(bench.call()), bench.bound(bench.call()))]
    assert homes[0] is homes[1] and homes[0].workspace.nbytes == 32 << 20
    older = Bench("80")
    assert older.bound(older.call()).home.workspace.nbytes == 4 << 20


def test_handle_and_workspace_are_freed_with_the_last_call(bench):
    before = bench.cupy.counters.used_bytes
    bound = bench.bound(bench.call())
    functions = bound.home.functions
    assert bench.cupy.counters.used_bytes > before and functions.handles.alive
    del bound
    assert bench.cupy.counters.used_bytes == before and not functions.handles.alive
