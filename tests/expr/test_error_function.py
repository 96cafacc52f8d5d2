"""erf and erfc over NumPy arrays and over plain numbers, against the C library's in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fusegrad.expr.error_function import erf, erfc

ARRAYS = SimpleNamespace(exp=np.exp, abs=np.abs, minimum=np.minimum, maximum=np.maximum)
NUMBERS = SimpleNamespace(exp=math.exp, abs=abs, minimum=min, maximum=max)
DTYPES = ["float32", "float64"]
BOTH = pytest.mark.parametrize(("function", "reference"), [(erf, math.erf), (erfc, math.erfc)], ids=["erf", "erfc"])


def evaluate(function: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    """Overflow, division by zero and NaN of numbers are errors on the way; underflow is what a tail does."""
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        y: np.ndarray = function(x, ARRAYS, str(x.dtype))
    assert y.dtype == x.dtype
    return y


def samples(dtype: str) -> np.ndarray:
    """The range where the functions move, densely, and all magnitudes with both signs."""
    generator = np.random.default_rng(0)
    info = np.finfo(dtype)
    magnitudes = np.exp(generator.uniform(math.log(info.tiny), math.log(info.max), 5000))
    parts = [np.linspace(-6, 6, 20001), generator.uniform(-1, 1, 10000), generator.uniform(0, 30, 20000)]
    return np.concatenate([*parts, magnitudes, -magnitudes]).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@BOTH
def test_accuracy(function: Callable[..., Any], reference: Callable[[float], float], dtype: str) -> None:
    x = samples(dtype)
    got = evaluate(function, x)
    wide = x.astype(np.float64)
    want = np.array([reference(value) for value in wide])
    near = np.clip(wide, -40, 40)
    amplified = np.abs(near) * 2 / math.sqrt(math.pi) * np.exp(-near * near)
    eps = float(np.finfo(dtype).eps)
    excess = np.abs(got - want) / (4 * eps * np.maximum(np.maximum(np.abs(want), amplified), eps))
    assert excess.max() <= 1, f"{excess.max()} of the bound at {x[excess.argmax()]}"


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_tail_of_erfc_is_relatively_accurate_far_below_eps(dtype: str) -> None:
    """Its relative error grows with x², because exp(−x²) does that to the rounding of x²."""
    x = np.linspace(0.5, 8, 4001).astype(dtype)
    want = np.array([math.erfc(value) for value in x.astype(np.float64)])
    assert want.min() < float(np.finfo(dtype).eps) ** 1.8
    error = np.abs(evaluate(erfc, x).astype(np.float64) / want - 1)
    assert np.all(error <= 4 * np.finfo(dtype).eps * (1 + 2 * x.astype(np.float64) ** 2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype: str) -> None:
    infinity, tiny = float("inf"), float(np.finfo(dtype).tiny)
    x = np.array([0.0, -0.0, infinity, -infinity, math.nan, 1e30, -1e30, tiny], dtype)
    at_tiny = np.array(tiny * 2 / math.sqrt(math.pi), dtype)
    np.testing.assert_array_equal(evaluate(erf, x)[:-1], np.array([0, -0.0, 1, -1, math.nan, 1, -1], dtype))
    np.testing.assert_allclose(evaluate(erf, x)[-1], at_tiny, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(np.signbit(evaluate(erf, x)[:2]), [False, True])
    np.testing.assert_array_equal(evaluate(erfc, x), np.array([1, 1, 0, 2, math.nan, 0, 2, 1], dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_erf_is_odd_and_stays_within_one(dtype: str) -> None:
    x = samples(dtype)
    y = evaluate(erf, x)
    np.testing.assert_array_equal(evaluate(erf, -x), -y)
    assert np.abs(y).max() == 1


@BOTH
def test_operands_are_abstract(function: Callable[..., Any], reference: Callable[[float], float]) -> None:
    for x in (-7.0, -2.0, -0.3, 0.0, 0.3, 2.0, 7.0):
        assert function(x, NUMBERS, "float64") == pytest.approx(reference(x), rel=1e-13)


def test_a_dtype_without_coefficients_is_refused() -> None:
    with pytest.raises(KeyError, match="float16"):
        erf(np.zeros(1, np.float16), ARRAYS, "float16")
