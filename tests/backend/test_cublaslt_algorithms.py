"""Which algorithm a product of cuBLASLt gets: timed once, kept on disk, and the arrays as they were."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backend.cublaslt_bench import COLUMNS, INNER, ROWS, Bench

from cuda_on_cpu import LaunchError
from fusegrad.backend import cublaslt
from fusegrad.backend.cublaslt import Call, Epilogue, algorithms


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def bench() -> Bench:
    """Of a library that proposes three algorithms."""
    bench = Bench()
    bench.home().functions.proposals = 3
    return bench


@pytest.fixture
def timings(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What every timing is to say, one for each algorithm; an empty list allows none."""
    times: list[float] = []

    def timed(home: cublaslt.Home, run: algorithms.Run) -> float:
        run()
        return times.pop(0)

    monkeypatch.setattr(algorithms, "milliseconds", timed)
    return times


def number(bound: cublaslt.Matmul) -> int:
    """Of the algorithm, as the double numbers them."""
    return int(bound.algorithm.data[1])


def full_call(bench: Bench) -> Call:
    """A call that writes y, aux and sums, and adds to y; arrays of which some elements were never written."""
    h, bias = bench.cupy.empty((COLUMNS, ROWS), "float32"), bench.draw(ROWS)
    plain = bench.call(epilogue=Epilogue("GELU_AUX_BIAS", bias, h, ROWS))
    return replace(plain, c=plain.d)


def test_the_fastest_of_the_proposals_is_taken(bench, cache, timings):
    timings += [3, 1, 2]
    assert number(bench.bound(bench.call())) == 1


def test_the_choice_is_found_on_disk(bench, cache, timings):
    timings += [3, 2, 1]
    assert number(bench.bound(bench.call())) == 2
    assert number(bench.bound(bench.call())) == 2  # without a timing


def test_another_process_finds_it_too(bench, cache, timings):
    timings += [3, 2, 1]
    bench.bound(bench.call())
    later = Bench()
    later.home().functions.proposals = 3
    assert number(later.bound(later.call())) == 2


def shorter(bench: Bench) -> Call:
    call = bench.call()
    return replace(call, b=bench.matrix(INNER, 3), d=bench.matrix(ROWS, 3))


OTHERS = {
    "shape": shorter,
    "dtype": lambda bench: bench.call(("float16", "float16")),
    "arithmetic": lambda bench: bench.call(arithmetic="tf32"),
    "epilogue": lambda bench: bench.call(epilogue=Epilogue("RELU")),
    "sum": lambda bench: (lambda call: replace(call, c=call.d))(bench.call()),
    "alignment": lambda bench: replace(bench.call(), b=replace(bench.call().b, memory=bench.draw(64)[1:])),
    "layout": lambda bench: replace(bench.call(), b=bench.matrix(COLUMNS, INNER, transposed=True)),
}


@pytest.mark.parametrize("other", OTHERS)
def test_calls_that_differ_choose_for_themselves(other, bench, cache, timings):
    timings += [3, 2, 1, 1, 2, 3]
    assert number(bench.bound(bench.call())) == 2
    assert number(bench.bound(OTHERS[other](bench))) == 0
    assert len(list(cache.glob("cublaslt-*.json"))) == 2


def test_another_version_of_the_library_chooses_for_itself(bench, cache, timings, monkeypatch):
    timings += [3, 2, 1, 1, 2, 3]
    bench.bound(bench.call())
    monkeypatch.setattr(bench.home().functions, "get_version", lambda: 130000)
    assert number(bench.bound(bench.call())) == 0


def damaged(text: str) -> Iterator[tuple[str, str]]:
    entry = json.loads(text)
    yield "empty", ""
    yield "cut off", text[: len(text) // 2]
    yield "no object", "[1, 2]"
    yield "of another call", json.dumps(entry | {"kind": "another"})
    yield "too few words", json.dumps(entry | {"algorithm": entry["algorithm"][1:]})
    yield "no numbers", json.dumps(entry | {"algorithm": ["1"] * 8})
    yield "negative", json.dumps(entry | {"algorithm": [-1] * 8})
    yield "refused by the library", json.dumps(entry | {"algorithm": [1] * 8})


def test_a_damaged_entry_is_ignored_and_written_again(bench, cache, timings):
    timings += [3, 2, 1]
    bench.bound(bench.call())
    (file,) = cache.glob("cublaslt-*.json")
    whole = file.read_text()
    for what, text in damaged(whole):
        file.write_text(text)
        timings += [3, 2, 1]
        assert number(bench.bound(bench.call())) == 2, what
        assert not timings and file.read_text() == whole, what


def test_timing_leaves_the_arrays_as_they_were(cache):
    bench = Bench()
    bench.home().functions.proposals = 3
    call = full_call(bench)
    before = call.d.memory.get()
    bench.bound(call)
    np.testing.assert_array_equal(call.d.memory.get(), before)
    with pytest.raises(LaunchError, match="which nothing ever wrote"):
        call.epilogue.aux.get()


def test_all_proposals_are_timed_on_the_arrays_themselves(cache):
    bench = Bench()
    bench.home().functions.proposals = 3
    with bench.cupy.recording() as log:
        bench.bound(bench.call())
    seen = [what for what, _ in log]
    assert seen.count("cublasLtMatmul") == 3  # and then as graphs
    assert seen.count("launch graph") == 3 * algorithms.ROUNDS


def test_a_proposal_that_does_not_run_is_left_out(bench, cache, monkeypatch):
    functions = bench.home().functions
    run = functions.matmul

    def refuses_the_first(*arguments):
        words = (ctypes.c_uint64 * 8).from_address(arguments[12])
        if words[1] == 0:
            raise functions.cuBLASLtError(15, "a proposal that does not run")
        run(*arguments)

    monkeypatch.setattr(functions, "matmul", refuses_the_first)
    assert number(bench.bound(bench.call())) in (1, 2)


def test_where_no_proposal_runs_the_library_says_why(bench, cache, monkeypatch):
    functions = bench.home().functions

    def refuses(*arguments):
        raise functions.cuBLASLtError(15, "none of them runs")

    monkeypatch.setattr(functions, "matmul", refuses)
    call = bench.call()
    before = call.d.memory.get()
    with pytest.raises(functions.cuBLASLtError, match="none of them runs"):
        bench.bound(call)
    np.testing.assert_array_equal(call.d.memory.get(), before)
    assert not list(cache.iterdir())


def test_one_proposal_is_taken_as_it_is(cache, timings):
    bench = Bench()
    assert number(bench.bound(bench.call())) == 0
    assert not list(cache.iterdir())


def test_a_library_without_a_proposal_binds_nothing(bench):
    bench.home().functions.proposals = 0
    assert cublaslt.bound(bench.home(), bench.call()) is None


def test_what_the_library_does_not_support_binds_nothing(bench):
    call = bench.call()
    assert cublaslt.bound(bench.home(), replace(call, b=bench.matrix(INNER, COLUMNS, "float16"))) is None


def test_an_error_in_a_call_is_no_lack_of_support(bench):
    call = bench.call()
    wrong = replace(call, a=replace(call.a, leading=1))
    with pytest.raises(bench.home().functions.cuBLASLtError, match="leading dimension 1") as raised:
        cublaslt.bound(bench.home(), wrong)
    assert "was asked for algorithms" in raised.value.__notes__[0]
