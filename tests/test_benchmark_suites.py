"""The benchmark suites: who takes part, by which clock, and what is noted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fusegrad.backend import resolve
from fusegrad.expr import function
from fusegrad.ops import loops

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def run_suite(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:xdist", "-p", "no:cacheprovider"]
    options = ["--override-ini=python_files=bench_*.py", "--benchmark-only", "--benchmark-max-time=0.001"]
    # A worker of xdist says by a variable that it is one, and pytest-benchmark then measures nothing.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    words = (*command, *options, *words)
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment, check=False)


def test_a_suite_notes_rates_and_shares_and_says_who_is_missing(tmp_path):
    file = tmp_path / "bench.json"
    words = ["--size", "small", "--emulated", f"--benchmark-json={file}", "-k", "adam and free and one"]
    result = run_suite("benchmarks/bench_optimizers.py", *words)
    assert result.returncode == 0, result.stdout + result.stderr
    found = {
        entry["extra_info"]["contender"]: entry["extra_info"] for entry in json.loads(file.read_text())["benchmarks"]
    }
    assert {"numpy", "emulated"} <= found.keys()
    for facts in found.values():
        assert (facts["bytes"], facts["flops"], facts["size"]) == (280_000, 130_000, "small")
        assert facts["gb_per_s"] > 0 and facts["share"] > 0 and facts["limit"] in ("memory", "arithmetic")
    if "cuda" not in found:
        assert 'the backend "cuda" cannot run here' in result.stdout


def test_durations_of_a_device_take_the_place_of_the_clock():
    from clocks import Clock

    clock = Clock(lambda: 7.0)
    clock.replay([0.25, 0.5])
    first, second = (-clock.reading() + clock.reading() for _ in range(2))
    assert (first, second, clock.reading()) == (0.25, 0.5, 7.0)


def test_a_device_clock_times_cold_calls_and_rows_of_calls():
    from clocks import DeviceClock

    calls: list[None] = []
    clock = DeviceClock(resolve("emulated"))
    assert len(clock.cold(lambda: calls.append(None), 3)) == 3 and len(calls) == 1 + 3
    assert len(clock.warm(lambda: calls.append(None), 2, 5)) == 2 and len(calls) == 1 + 3 + 1 + 2 * 5


def test_bytes_are_those_that_an_op_has_to_move(monkeypatch):
    monkeypatch.setenv("FUSEGRAD_BENCH_SIZE", "small")
    from bench_ops import CASES
    from op_arrays import make, size
    from op_sizes import N

    counted = {
        name: (case.nbytes(arrays), size(tuple(arrays.values())))
        for name, case in CASES.items()
        if (arrays := {key: make(resolve("cpu"), entry) for key, entry in case.arrays.items()})
    }
    assert counted["copy"] == (8 * N, 8 * N)
    assert counted["accumulate"] == (12 * N, 8 * N)  # of which one array is read and written
    assert {name for name, (moved, whole) in counted.items() if moved < whole} == {
        *("batch", "deliver", "row"),
        *("embedding", "gather", "take"),
    }


def test_without_fusion_every_operation_is_a_call_of_the_arrays_own_module():
    from contenders import unfused

    op = loops.forward(function(lambda x: x * x + 1))
    with unfused(resolve("emulated")) as backend:
        x, y = (backend.asarray(np.arange(6, dtype="float32").reshape(2, 3)) for _ in range(2))
        before = backend.xp.counters.launches
        with backend.using_stream():
            op.bound(backend.evaluator, x, y)()
        assert backend.xp.counters.launches == before  # of our kernels
        np.testing.assert_array_equal(backend.to_numpy(y), backend.to_numpy(x) ** 2 + 1)
    assert resolve("emulated").evaluator == "cuda"


def test_what_limits_is_what_takes_longer():
    from ceilings import Ceiling

    machine = Ceiling(bandwidth=100.0, rate=1000.0)
    assert machine.floor(flops=500, nbytes=200) == (2.0, "memory")
    assert machine.floor(flops=3000, nbytes=200) == (3.0, "arithmetic")
    assert Ceiling(0.0, 0.0).floor(1, 1)[0] == 0


def test_a_step_is_the_median_of_rows_that_are_waited_for(monkeypatch):
    import step_times

    now = SimpleNamespace(time=0.0, waits=0)
    monkeypatch.setattr(step_times, "perf_counter", lambda: now.time)

    def run():
        now.time += 0.001

    def wait():
        now.time += 0.0005
        now.waits += 1

    assert step_times.median_step(run, wait, repeats=5, seconds=0.01) == pytest.approx(0.001 + 0.0005 / 9, rel=0.02)
    assert now.waits >= 5


def test_an_unknown_size_is_refused(monkeypatch):
    import sizes

    monkeypatch.setenv(sizes.VARIABLE, "tiny")
    with pytest.raises(ValueError, match="FUSEGRAD_BENCH_SIZE expects one of small, medium, large, got 'tiny'"):
        sizes.chosen(1, 2, 3)
