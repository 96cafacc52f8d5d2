"""Loops by NumPy and by Numba, against the direct evaluation, over many shapes, layouts and threads."""

from __future__ import annotations

import math
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import numpy as np
import pytest

from fusegrad import expr
from fusegrad.expr import (
    ExpressionError,
    erf,
    exp,
    expm1,
    log,
    maximum,
    numba_loop,
    numpy_loop,
    sigmoid,
    softplus,
    tanh,
    where,
)
from fusegrad.expr.evaluate import evaluate
from fusegrad.expr.loop import COLUMN, NUMBER, ROW, Loop, loop
from fusegrad.expr.node import argument
from fusegrad.expr.numba_loop import bind_numba
from fusegrad.expr.numpy_loop import bind_numpy, compiled
from fusegrad.expr.scratch import NBYTES, block_size
from fusegrad.expr.threads import run_together

Bind = Callable[[Loop, Any], Callable[[], None]]
x, y, u, v, a, n, r, c = map(argument, "xyuvanrc")
INF, NAN = math.inf, math.nan
SIZE = 400_000
SHAPES = [(), (1,), (31,), (33,), (0,), (3, 0), (3, 5, 7), (131_071,), (131_072,), (131_073,), (SIZE,)]


@pytest.fixture(params=["numpy", "numba"])
def bind(request: pytest.FixtureRequest, tmp_path_factory, monkeypatch) -> Iterator[Bind]:
    if request.param == "numpy":
        return bind_numpy
    pytest.importorskip("numba", reason="Numba is not installed")
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path_factory.getbasetemp() / "loops"))
    return bind_numba


def filled(work: Loop, shape: tuple[int, ...], dtype: str = "float32") -> dict[str, np.ndarray]:
    """Random arrays for all names of a loop, of the shapes that their layouts have."""
    generator = np.random.default_rng(0)
    shapes = {ROW: shape[-1:], COLUMN: shape[:-1], NUMBER: ()}
    return {
        name: np.asarray(generator.uniform(-3, 3, shapes.get(work.layout(name), shape)), dtype) for name in work.names()
    }


def check(bind: Bind, work: Loop, arrays: dict[str, np.ndarray]) -> None:
    """Every target against its expression in float64; what is only read stays as it was."""
    before = {name: array.astype(float) for name, array in arrays.items()}
    rounded = {name: array.copy() for name, array in arrays.items()}
    for name, layout in work.layouts:
        if layout == COLUMN:
            before[name], rounded[name] = before[name][..., None], rounded[name][..., None]
    bind(work, arrays)()
    for name in set(arrays) - {target for target, _ in work.assignments}:
        np.testing.assert_array_equal(arrays[name], before[name].reshape(arrays[name].shape))
    single, double = evaluate(work.roots, rounded), evaluate(work.roots, before)
    for (target, _), same, true in zip(work.assignments, single, double, strict=True):
        if bind is bind_numpy:
            np.testing.assert_array_equal(arrays[target], np.broadcast_to(same, arrays[target].shape))
        np.testing.assert_allclose(arrays[target], np.broadcast_to(true, arrays[target].shape), rtol=1e-5, atol=2e-6)


FLAT = {
    "one call": loop("one", {"y": x + 1}),
    "activation": loop("mish", {"y": x * tanh(softplus(x))}),
    "error function": loop("gelu", {"y": x * (0.5 * (1 + erf(x * math.sqrt(0.5))))}),
    "several outputs": loop("several", {"y": u * v, "a": u * v + exp(u), "x": tanh(v)}),
    "one expression twice": loop("twice", {"y": tanh(x), "a": tanh(x)}),
    "in place": loop("in_place", {"x": x * sigmoid(x)}),
    "swapped": loop("swapped", {"u": v, "v": u}),
    "rotated": loop("rotated", {"u": v, "v": a, "a": u}),
    "crossed": loop("crossed", {"u": v * 2, "v": u + v, "a": u}),
    "read by another": loop("read", {"u": exp(v), "v": u * u, "y": u - v}),
    "argument": loop("argument", {"y": x}),
    "itself": loop("itself", {"y": y, "a": y}),
    "constant": loop("constant", {"y": x * 0 + 3, "a": x}),
    "number": loop("number", {"y": n, "x": x * n}, n=NUMBER),
    "arithmetic of numbers": loop("numbers", {"y": x * (1 - n) + exp(n) / (n * n)}, n=NUMBER),
    "choice": loop("choice", {"y": where(x > u, tanh(x), exp(u))}),
    "choice of an argument": loop("chosen", {"x": where(x > 0, x, v)}),
    "choices nested": loop("nested", {"y": where(x < -1, -x, where(x < 0, x * x, where(x <= 1, expm1(x), u)))}),
    "choice of constants": loop("steps", {"y": where(x > 0, 1, where(x < -1, -1, 0.25))}),
    "choice or 0": loop("or_0", {"y": where(x > 0, u, 0) + where(x > 1, 0, v)}),
    "choices that share": loop("share", {"y": where(x > 0, u, v) * where(x > 0, v, u), "a": where(u < v, x, x + u)}),
    "choice of numbers": loop("of_numbers", {"y": where(x > 0, n, -n), "a": where(x > n, n, u)}, n=NUMBER),
    "choice by a number": loop("by_number", {"y": where(n > 0, x, u), "a": where(n < 0, 2, u)}, n=NUMBER),
    "clipped": loop("clipped", {"y": expr.clip(x, -1, 1) * expr.sign(x) - abs(u)}),
    "powers": loop("powers", {"y": abs(x) ** 1.7 + (u * u + 0.5) ** v}),
    "logarithms": loop("logarithms", {"y": log(abs(x) + 0.1) + expr.log1p(u * u) - expr.sqrt(v * v + 1)}),
    "momentum": loop("momentum", {"v": 0.9 * v + u, "x": x - n * (0.9 * v + u)}, n=NUMBER),
    "adam": loop(
        "adam",
        {
            "u": 0.9 * u + 0.1 * a,
            "v": 0.99 * (v * v) + 0.01 * a * a,
            "x": x - n * (0.9 * u + 0.1 * a) / (expr.sqrt(0.99 * (v * v) + 0.01 * a * a) + 1e-8),
        },
        n=NUMBER,
    ),
}
REPEATED = {
    "bias": loop("bias", {"y": maximum(x + r, 0)}, r=ROW),
    "labels": loop("labels", {"y": (x - c) * r}, r=ROW, c=COLUMN),
    "normalise": loop("normalise", {"x": (x - c) * a * r + u}, r=ROW, c=COLUMN, a=COLUMN),
    "chosen": loop("row_chosen", {"y": where(r > c, r, x) * n, "a": r, "u": c}, r=ROW, c=COLUMN, n=NUMBER),
    "only repeated": loop("outer", {"y": tanh(r) * c}, r=ROW, c=COLUMN),
}


@pytest.mark.parametrize("work", FLAT.values(), ids=FLAT)
def test_flat_loops_over_all_shapes(bind, work):
    for shape in SHAPES:
        check(bind, work, filled(work, shape))


@pytest.mark.parametrize("work", REPEATED.values(), ids=REPEATED)
def test_repeated_rows_and_columns(bind, work):
    for shape in [(1, 1), (3, 5), (0, 4), (4, 0), (2, 3, 4), (1, SIZE), (3, 70_001), (700, 33), (20_000, 2)]:
        check(bind, work, filled(work, shape))


@pytest.mark.parametrize("work", [FLAT["activation"], FLAT["choice"], FLAT["adam"], REPEATED["normalise"]])
def test_float64(work):
    for shape in [(5, 7), (300, 100)]:
        check(bind_numpy, work, filled(work, shape, "float64"))


@pytest.mark.parametrize("change", [-1, 0, 1])
def test_sizes_around_a_block(change):
    for work in (FLAT["activation"], FLAT["choices nested"], FLAT["adam"]):
        size = block_size(compiled(work, "float32").text.temporaries, 4)
        check(bind_numpy, work, filled(work, (size + change,)))
        check(bind_numpy, work, filled(work, (3 * size + change,)))


TEMPORARIES = {"one call": 0, "activation": 1, "in place": 1, "swapped": 2, "choice": 2, "clipped": 1, "momentum": 1}


@pytest.mark.parametrize("name", TEMPORARIES)
def test_arrays_are_used_again(name):
    """What nobody needs any more, and a target, hold results on the way."""
    assert compiled(FLAT[name], "float32").text.temporaries == TEMPORARIES[name]


def test_many_temporaries_fit_the_scratch():
    """A hundred hyperbolic tangents are all needed until the end, because the sum of one half scales the other."""
    parts = [tanh(x / i) for i in range(1, 101)]
    total = sum(part * whole for part, whole in zip(parts, accumulate(reversed(parts)), strict=True))
    work = loop("wide", {"y": total})
    temporaries = compiled(work, "float32").text.temporaries
    assert temporaries > 40
    assert temporaries * 4 * block_size(temporaries, 4) <= NBYTES
    check(bind_numpy, work, filled(work, (50_000,)))


def test_choices_are_exact_whatever_the_numbers_are(bind):
    special = np.array([INF, -INF, NAN, 0.0, -0.0, 3e38, -3e38, 1e-45, 1.0], np.float32)
    p, q, s = (grid.ravel().copy() for grid in np.meshgrid(special, special, special))
    for work, expected in [
        (loop("pick", {"y": where(x < u, u, v)}), np.where(p < q, q, s)),
        (loop("pick_inf", {"y": where(x <= u, INF, v)}), np.where(p <= q, np.float32(INF), s)),
        (loop("pick_0", {"y": where(x > u, v, 0)}), np.where(p > q, s, np.float32(0))),
        (loop("drop", {"y": where(x >= u, 0, v)}), np.where(p >= q, np.float32(0), s)),
        (loop("pick_nan", {"y": where(x < 0, NAN, v)}), np.where(p < 0, np.float32(NAN), s)),
        (loop("pick_-0", {"y": where(x < 0, -0.0, v)}), np.where(p < 0, np.float32(-0.0), s)),
    ]:
        arrays = {"x": p, "u": q, "v": s, "y": np.empty_like(p)}
        bind(work, arrays)()
        np.testing.assert_array_equal(arrays["y"], expected)
        kept = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(arrays["y"])[kept], np.signbit(expected)[kept])


EXTREMES = loop(
    "extremes", {"y": maximum(x, u), "v": expr.minimum(x, u), "a": expr.sign(x), "r": maximum(x, 0), "c": abs(x)}
)


def test_nan_and_infinity_pass(bind):
    special = np.array([INF, -INF, NAN, 0.0, 2.0, -2.0], np.float32)
    p, q = (grid.ravel().copy() for grid in np.meshgrid(special, special))
    arrays = {"x": p, "u": q, **{name: np.empty_like(p) for name in "yvarc"}}
    bind(EXTREMES, arrays)()
    expected = [np.maximum(p, q), np.minimum(p, q), np.sign(p), np.maximum(p, 0), np.abs(p)]
    for name, array in zip("yvarc", expected, strict=True):
        np.testing.assert_array_equal(arrays[name], array)


def test_overflow_and_division_by_zero_come_without_a_warning(bind):
    work = loop("overflow", {"y": exp(x), "a": 1 / x, "u": log(x), "v": sigmoid(x)})
    arrays = {"x": np.tile(np.array([-1000, 0, 1000], np.float32), 10_000)}
    arrays |= {name: np.empty_like(arrays["x"]) for name in "yauv"}
    bind(work, arrays)()
    np.testing.assert_array_equal(arrays["y"][:3], [0, 1, INF])
    np.testing.assert_array_equal(arrays["a"][1], INF)
    np.testing.assert_array_equal(arrays["u"][1], -INF)
    assert np.isnan(arrays["u"][0])
    np.testing.assert_allclose(arrays["v"][:3], [0, 0.5, 1], atol=1e-37)


def test_numbers_too_large_for_the_dtype_are_infinite(bind):
    work = loop("huge", {"y": expr.minimum(x, 1e300), "a": where(x > -1e300, x, 1e300)})
    arrays = filled(work, (100,))
    bind(work, arrays)()
    np.testing.assert_array_equal(arrays["y"], arrays["x"])
    np.testing.assert_array_equal(arrays["a"], arrays["x"])


def test_numbers_are_read_at_every_call(bind):
    work = loop("scaled", {"y": n * x}, n=NUMBER)
    arrays = filled(work, (40,))
    bound = bind(work, arrays)
    for value in (2.0, -3.0):
        arrays["n"][...] = value
        bound()
        np.testing.assert_array_equal(arrays["y"], value * arrays["x"])


def test_the_number_of_threads_changes_no_bit(bind, monkeypatch):
    monkeypatch.setattr(numpy_loop, "LEAST_PER_THREAD", 1)
    for work, shape in [
        (FLAT["activation"], (SIZE + 7,)),
        (FLAT["adam"], (SIZE + 7,)),
        (REPEATED["normalise"], (3001, 67)),
    ]:
        results = []
        for threads in "123":
            monkeypatch.setenv("FUSEGRAD_THREADS", threads)
            arrays = filled(work, shape)
            bind(work, arrays)()
            results.append(arrays)
        for other in results[1:]:
            for name, array in other.items():
                np.testing.assert_array_equal(array.view(np.int32), results[0][name].view(np.int32))


def test_threads_share_the_work(bind, monkeypatch):
    """Both modules cut the loop into as many pieces as there are threads."""
    monkeypatch.setenv("FUSEGRAD_THREADS", "3")
    together = []
    for module in (numpy_loop, numba_loop):
        monkeypatch.setattr(module, "run_together", lambda calls: together.append(len(calls)))
        monkeypatch.setattr(module, "LEAST_PER_THREAD", 1)
    bind(FLAT["activation"], filled(FLAT["activation"], (3 << 17,)))()
    assert together == [3]


def test_an_exception_in_any_thread_is_raised(monkeypatch):
    monkeypatch.setenv("FUSEGRAD_THREADS", "3")
    done = []

    def fail() -> None:
        raise ZeroDivisionError

    for place in range(3):
        calls: list[Callable[[], None]] = [lambda: done.append(1)] * 2
        calls.insert(place, fail)
        with pytest.raises(ZeroDivisionError):
            run_together(calls)
    assert len(done) == 6


@pytest.mark.parametrize("wanted", ["0", "-1", "two", "1.5", ""])
def test_a_wrong_number_of_threads_is_refused(wanted, monkeypatch):
    monkeypatch.setenv("FUSEGRAD_THREADS", wanted)
    with pytest.raises(ValueError, match=f"FUSEGRAD_THREADS expects a number of threads, 1 or more, got '{wanted}'"):
        bind_numpy(FLAT["activation"], filled(FLAT["activation"], (SIZE,)))


def test_a_bound_call_allocates_nothing(bind):
    work = FLAT["adam"]
    arrays = filled(work, (SIZE,))
    bound = bind(work, arrays)
    bound()
    lasting, peak = allocated(bound)
    assert lasting < 4096
    assert peak < 64 * 1024


def test_the_scratch_of_a_thread_is_small():
    work = FLAT["adam"]
    arrays = filled(work, (100_000,))
    bound = bind_numpy(work, arrays)

    def in_a_new_thread() -> None:
        thread = threading.Thread(target=bound)
        thread.start()
        thread.join()

    lasting, peak = allocated(in_a_new_thread)
    assert NBYTES <= peak < 2 << 20
    assert lasting < 64 * 1024


def allocated(call: Callable[[], Any]) -> tuple[int, int]:
    """Bytes that a call leaves behind, and holds at most."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        after, peak = tracemalloc.get_traced_memory()
        return after - before, peak - before
    finally:
        tracemalloc.stop()


def test_two_python_threads_do_not_disturb_each_other(bind):
    works = [FLAT["activation"], FLAT["choices nested"]]
    arrays = [filled(work, (50_000,)) for work in works]
    for work, given in zip(works, arrays, strict=True):
        bind(work, given)()
    expected = [given["y"].copy() for given in arrays]
    faults: list[int] = []

    def repeat(i: int) -> None:
        bound = bind(works[i], arrays[i])
        for _ in range(20):
            arrays[i]["y"][...] = NAN
            bound()
            if not np.array_equal(arrays[i]["y"], expected[i]):
                faults.append(i)

    threads = [threading.Thread(target=repeat, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.mark.parametrize("spoil", [np.transpose, lambda z: z[:, :3], np.asfortranarray])
def test_arrays_out_of_order_are_refused(bind, spoil):
    bad = spoil(np.ones((6, 4), np.float32))
    good = np.ones(bad.shape, np.float32)
    for arrays in ({"y": bad, "x": good}, {"y": good, "x": bad}):
        with pytest.raises(ValueError, match=r"a loop expects arrays in C order, got one of shape \(\d, \d\), strides"):
            bind(loop("plain", {"y": x * 2}), arrays)


def test_arrays_of_another_size_are_refused(bind):
    with pytest.raises(ValueError, match="cannot reshape array of size 5"):
        bind(loop("plain", {"y": x * 2}), {"y": np.empty(4, np.float32), "x": np.empty(5, np.float32)})


@pytest.mark.parametrize("name", ["_x", "_0", "x__i", "np", "exp", "abs", "sigmoid", "range", "float"])
def test_names_that_the_text_uses_are_refused(name):
    with pytest.raises(ExpressionError, match=f"taken: no array can be called '{name}'"):
        loop("taken", {"y": argument(name) + 1})
    with pytest.raises(ExpressionError, match=f"taken: no array can be called '{name}'"):
        loop("taken", {name: x + 1})


def test_common_names_are_not_refused(bind):
    work = loop("common", {"dx": argument("i") + argument("j") * argument("loop"), "block": argument("numbers") + 1})
    check(bind, work, filled(work, (30,)))
