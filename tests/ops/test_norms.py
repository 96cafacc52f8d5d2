"""LayerNorm and RMSNorm: gradients, large means, half types, and what must not change a bit of the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
import pytest
from checks import Case, Draw, check_close, check_parity
from op_names import name_of
from ops.norm_cases import CASES

from cuda_on_cpu.stand_in.stand_in import ORDERS
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.ops import Op, layer_norm, rms_norm, row_kernels

EPS = 0.01
ROWS, WIDTH = (2, 3), 5
OPS = pytest.mark.parametrize("op", CASES, ids=name_of)


@pytest.fixture(scope="module")
def backend() -> EmulatedBackend:
    return EmulatedBackend("check")


def layer_norm_of(x: Any, residual: Any, gamma: Any, beta: Any) -> tuple[Any, ...]:
    """total, y, mean, rstd"""
    total, y, mean, rstd = np.empty_like(x), np.empty_like(x), np.empty(x.shape[:-1]), np.empty(x.shape[:-1])
    layer_norm.forward_residual(x, residual, gamma, beta, total, y, mean, rstd, eps=EPS)
    return total, y, mean, rstd


def rms_norm_of(x: Any, residual: Any, gamma: Any) -> tuple[Any, ...]:
    """total, y, rstd"""
    total, y, rstd = np.empty_like(x), np.empty_like(x), np.empty(x.shape[:-1])
    rms_norm.forward_residual(x, residual, gamma, total, y, rstd, eps=EPS)
    return total, y, rstd


def drawn(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.normal(size=shape) for shape in shapes]


def slopes(loss: Callable[[], float], array: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Of the loss for each element of the array that it depends on: central differences, off by about step²."""
    result = np.empty_like(array)
    for place in np.ndindex(array.shape):
        before, values = array[place], []
        for sign in (1, -1):
            array[place] = before + sign * step
            values.append(loss())
        array[place] = before
        result[place] = (values[0] - values[1]) / (2 * step)
    return result


def check_slopes(loss: Callable[[], float], gradients: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for gradient, array in gradients:
        np.testing.assert_allclose(gradient, slopes(loss, array), rtol=1e-7, atol=1e-8)


def test_gradients_of_layer_norm_are_the_slopes_of_a_loss():
    x, residual, dy, dtotal = drawn(*[(*ROWS, WIDTH)] * 4)
    gamma, beta = drawn((WIDTH,), (WIDTH,))

    def loss() -> float:
        total, y, *_ = layer_norm_of(x, residual, gamma, beta)
        return float((total * dtotal).sum() + (y * dy).sum())

    total, _, mean, rstd = layer_norm_of(x, residual, gamma, beta)
    dx, dresidual, dgamma, dbeta = (np.empty_like(array) for array in (x, x, gamma, beta))
    layer_norm.backward_residual(dy, dtotal, total, gamma, mean, rstd, dx, dresidual, dgamma, dbeta)
    check_slopes(loss, [(dx, x), (dresidual, residual), (dgamma, gamma), (dbeta, beta)])


def test_gradients_of_rms_norm_are_the_slopes_of_a_loss():
    x, residual, dy, dtotal = drawn(*[(*ROWS, WIDTH)] * 4)
    (gamma,) = drawn((WIDTH,))

    def loss() -> float:
        total, y, *_ = rms_norm_of(x, residual, gamma)
        return float((total * dtotal).sum() + (y * dy).sum())

    total, _, rstd = rms_norm_of(x, residual, gamma)
    dx, dresidual, dgamma = (np.empty_like(array) for array in (x, x, gamma))
    rms_norm.backward_residual(dy, dtotal, total, gamma, rstd, dx, dresidual, dgamma)
    check_slopes(loss, [(dx, x), (dresidual, residual), (dgamma, gamma)])


def test_without_a_residual_the_gradients_are_those_of_an_absent_one():
    x, dy = drawn((4, 5), (4, 5))
    (gamma,) = drawn((5,))
    _, _, mean, rstd = layer_norm_of(x, 0 * x, gamma, None)
    alone, behind = [[np.empty_like(array) for array in (x, gamma, gamma)] for _ in range(2)]
    layer_norm.backward(dy, x, gamma, mean, rstd, *alone)
    dx, *sums = behind
    layer_norm.backward_residual(dy, 0 * x, x, gamma, mean, rstd, dx, None, *sums)
    for one, other in zip(alone, behind, strict=True):
        np.testing.assert_array_equal(one, other)


def launched(backend: EmulatedBackend, op: Op, arrays: dict[str, Any], **options: Any) -> dict[str, np.ndarray]:
    with backend.using_stream():
        given = {name: None if array is None else backend.asarray(array) for name, array in arrays.items()}
        op.launch(**given, **options)
        return {name: backend.to_numpy(array) for name, array in given.items() if array is not None}


def bits(backend: EmulatedBackend, op: Op, case: Case) -> dict[str, bytes]:
    results = launched(backend, op, case.fill("float32"), **case.options)
    return {name: array.tobytes() for name, array in results.items()}


@pytest.mark.parametrize("width", [64, 1000])
def test_the_variance_around_a_large_mean_does_not_cancel(backend, width):
    x = np.random.default_rng(0).normal(1e4, 1, (3, width)).astype("float32")
    wide = x.astype("float64")
    deviation = wide - wide.mean(axis=-1, keepdims=True)
    variance = np.square(deviation).mean(axis=-1)
    empty = {"y": np.zeros_like(x), "mean": np.zeros(3, "float32"), "rstd": np.zeros(3, "float32")}
    arrays = {"x": x, "gamma": None, "beta": None, **empty}
    layer_norm.forward.reference(**arrays, eps=0)
    for found in (arrays, launched(backend, layer_norm.forward, arrays, eps=0)):
        # The rounded mean is off by up to 1e4 eps, and so is every difference; the squares' mean by the square of that.
        np.testing.assert_allclose(found["rstd"], variance**-0.5, rtol=1e-5)
        np.testing.assert_allclose(found["y"], deviation / np.sqrt(variance)[:, None], atol=2e4 * 2**-23)


def in_dtype(case: Case, dtype: str) -> Case:
    """The case with statistics of float32, as kernels for half types have them."""
    own = {name: replace(case.arrays[name], dtype=dtype) for name in ("mean", "rstd") if name in case.arrays}
    return replace(case, arrays={**case.arrays, **own})


@OPS
def test_half_types_are_normalised_in_float32(backend, op):
    for case in CASES[op]:
        with backend.using_stream():
            check_parity(op.launch, op, in_dtype(case, "float32"), "float16", backend)


@pytest.mark.parametrize("op", [layer_norm.backward, rms_norm.backward], ids=name_of)
def test_sums_over_many_rows_of_bfloat16_are_added_in_float32(backend, op):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x, dy = (draw.astype(bfloat16) for draw in drawn((300, 520), (300, 520)))
    known = {"dy": dy, "x": x, "rstd": np.ones(300, "float32"), "mean": np.zeros(300, "float32")}
    known |= {"dx": np.zeros_like(x), "dgamma": np.zeros_like(x[0])}
    arrays = {name: known.get(name) for name in signature(op).parameters if not name.startswith("add_")}
    adds = {name: False for name in signature(op).parameters if name.startswith("add_")}
    found = launched(backend, op, arrays, **adds)
    expected = np.einsum("rw,rw->w", x.astype("float64"), dy.astype("float64"))
    half_an_eps = 2.0**-8
    np.testing.assert_allclose(found["dgamma"].astype("float64"), expected, rtol=half_an_eps * 1.01, atol=1e-4)


@OPS
def test_double_precision_is_kept(backend, op):
    for case in CASES[op]:
        with backend.using_stream():
            check_parity(op.launch, op, case, "float64", backend)


@OPS
def test_neither_the_order_of_threads_nor_shared_memory_changes_a_bit(op, monkeypatch):
    in_all_orders = EmulatedBackend("fast", orders=ORDERS)  # compares the results of all orders
    for case in CASES[op]:
        found = []
        for size in (0, 10_000, 96 << 10):
            monkeypatch.setattr(row_kernels, "SHARED_BYTES", size)
            found.append(bits(in_all_orders, op, case))
        assert found[0] == found[1] == found[2], case.label


@OPS
def test_arrays_may_begin_anywhere(backend, op):
    def shifted(array: np.ndarray) -> Any:
        whole = backend.zeros(array.size + 1, array.dtype)
        whole[1:] = backend.asarray(array.reshape(-1))
        return whole[1:].reshape(array.shape)

    case = next(case for case in CASES[op] if case.label == "8x512")
    given = case.fill("float32")
    with backend.using_stream():
        arrays = {name: None if array is None else shifted(array) for name, array in given.items()}
        op.launch(**arrays, **case.options)
    wanted = launched(backend, op, given, **case.options)
    for name, array in arrays.items():
        check_close(name, backend.to_numpy(array), wanted[name].astype("float64"), "float32", 512)


def test_statistics_of_another_dtype_are_refused(backend):
    case = Case("float64 statistics", {**CASES[rms_norm.forward][1].arrays, "rstd": Draw((33,), dtype="float64")})
    with pytest.raises(TypeError, match="expects rstd to be an array of float32, got float64"):
        launched(backend, rms_norm.forward, case.fill("float32"), eps=EPS)
