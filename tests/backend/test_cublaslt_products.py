"""Products of the double of cuBLASLt: every epilogue against its formula in float64."""

from __future__ import annotations

from dataclasses import replace
from math import erf, pi, sqrt

import numpy as np
import pytest
from backend.cublaslt_bench import COLUMNS, INNER, ROWS, Bench, close, wide

from fusegrad.backend.cublaslt import Call, Epilogue, Matrix

SUMS = ("float32", "float32"), ("float16", "float16"), ("float16", "float32"), ("bfloat16", "bfloat16")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))


def slope(function, x: np.ndarray) -> np.ndarray:
    return (function(x + 1e-6) - function(x - 1e-6)) / 2e-6


FORWARD = {"": lambda x: x, "RELU": lambda x: np.maximum(x, 0), "GELU": gelu}


@pytest.mark.parametrize("dtypes", SUMS, ids="-".join)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", FORWARD)
def test_forward_epilogues_have_their_formula(name, bias, dtypes, bench):
    if "bfloat16" in dtypes:
        pytest.importorskip("ml_dtypes", reason="ml_dtypes, which gives NumPy bfloat16, is not installed")
    added = bench.draw(ROWS, dtype=dtypes[1]) if bias else None
    whole = "_".join([*([name] if name else []), *(["BIAS"] if bias else [])]) or "DEFAULT"
    call = bench.call(dtypes, Epilogue(whole, added))
    bench.bound(call)()
    h = wide(call.a) @ wide(call.b) + (added.get().astype("float64")[:, None] if bias else 0)
    close(wide(call.d), FORWARD[name](h), dtypes[1])


def test_gelu_keeps_what_it_was_given(bench):
    bias, h = bench.draw(ROWS), bench.cupy.empty((COLUMNS, ROWS), "float32")
    call = bench.call(epilogue=Epilogue("GELU_AUX_BIAS", bias, h, ROWS))
    bench.bound(call)()
    expected = wide(call.a) @ wide(call.b) + bias.get().astype("float64")[:, None]
    close(h.get().T, expected, "float32")
    close(wide(call.d), gelu(expected), "float32")


@pytest.mark.parametrize("name", ["RELU", "GELU"])
def test_slopes_and_their_sums_follow_from_what_the_forward_pass_kept(name, bench):
    saved = bench.cupy.empty((COLUMNS, 16), "uint8") if name == "RELU" else bench.cupy.empty((COLUMNS, ROWS), "float32")
    leading = 128 if name == "RELU" else ROWS
    forward = bench.call(epilogue=Epilogue(f"{name}_AUX", None, saved, leading))
    bench.bound(forward)()
    sums = bench.cupy.empty(ROWS, "float32")
    call = bench.call(epilogue=Epilogue(f"D{name}_BGRAD", sums, saved, leading))
    bench.bound(call)()
    expected = wide(call.a) @ wide(call.b) * slope(FORWARD[name], wide(forward.a) @ wide(forward.b))
    close(wide(call.d), expected, "float32")
    close(sums.get(), expected.sum(1), "float32", INNER * COLUMNS)


def test_the_gelu_of_the_library_is_not_the_exact_one(bench):
    call = bench.call(epilogue=Epilogue("GELU"))
    bench.bound(call)()
    h = wide(call.a) @ wide(call.b)
    exact = h * (1 + np.vectorize(erf)(h / sqrt(2))) / 2
    assert 1e-5 < np.abs(wide(call.d) - exact).max() < 1e-3


@pytest.mark.parametrize("side", ["A", "B"])
def test_gradients_of_a_bias_are_sums_over_the_inner_axis(side, bench):
    sums = bench.cupy.empty(ROWS if side == "A" else COLUMNS, "float32")
    call = bench.call(epilogue=Epilogue(f"BGRAD{side}", sums))
    bench.bound(call)()
    close(sums.get(), wide(call.a).sum(1) if side == "A" else wide(call.b).sum(0), "float32")
    close(wide(call.d), wide(call.a) @ wide(call.b), "float32")


@pytest.mark.parametrize("turned", [(False, True), (True, False), (True, True)])
def test_factors_may_lie_transposed(turned, bench):
    call = bench.call()
    a, b = (
        bench.matrix(*(size[::-1] if turn else size), transposed=turn)
        for size, turn in zip([(ROWS, INNER), (INNER, COLUMNS)], turned, strict=True)
    )
    call = replace(call, a=a, b=b)
    bench.bound(call)()
    close(wide(call.d), wide(a) @ wide(b), "float32")


def test_a_stack_goes_by_its_steps(bench):
    a, b, y = bench.draw(3, INNER, ROWS), bench.draw(COLUMNS, INNER), bench.draw(3, COLUMNS, ROWS)
    call = Call(
        Matrix(a, ROWS, INNER, ROWS, INNER * ROWS),
        Matrix(b, INNER, COLUMNS, INNER),  # one for all
        Matrix(y, ROWS, COLUMNS, ROWS, COLUMNS * ROWS),
        count=3,
    )
    bench.bound(call)()
    close(y.get(), b.get().astype("float64") @ a.get().astype("float64"), "float32")


def test_a_product_may_be_added(bench):
    plain = bench.call()
    call, before = replace(plain, c=plain.d), wide(plain.d)
    bench.bound(call)()
    close(wide(call.d), before + wide(call.a) @ wide(call.b), "float32")


def test_tf32_rounds_the_factors_to_eleven_bits(bench):
    call = bench.call(arithmetic="tf32")
    bench.bound(call)()
    exact = wide(call.a) @ wide(call.b)
    error = np.abs(wide(call.d) - exact).max()
    assert 2.0**-16 < error < 2.0**-11 * INNER


def test_float64_is_multiplied_in_float64(bench):
    call = bench.call(("float64", "float64"))
    bench.bound(call)()
    close(wide(call.d), wide(call.a) @ wide(call.b), "float64")
