"""Kernels of dropout and noise: the bits of NumPy, in place, at any address, in half types, in one launch."""

from __future__ import annotations

import numpy as np
import pytest
from ops.random_cases import CASES

from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.graph import Input, ParamArena, Program
from fusegrad.layers import Dropout
from fusegrad.ops import dropout, noise

COORDINATES = {"seed": 5, "step": 6, "node": 7}
HALVES = ["float16", "bfloat16"]


@pytest.fixture(scope="module")
def device() -> EmulatedBackend:
    return EmulatedBackend("check")


def half(name: str) -> type:
    return pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else np.float16


def drop(device: EmulatedBackend, x, y) -> np.ndarray:
    """The mask of a forward pass from x to y, arrays of the device."""
    mask = device.empty(x.shape, "uint8")
    with device.using_stream():
        dropout.forward.launch(x, y, mask, **COORDINATES, rate=0.3)
    return mask


def dropped_by_numpy(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, mask = np.empty_like(x), np.empty(x.shape, "uint8")
    dropout.forward(x, y, mask, **COORDINATES, rate=0.3)
    return y, mask


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("size", [1, 3, 4, 1023, 1025])
def test_dropout_has_the_bits_of_numpy_forward_and_backward(device, size):
    x = device.asarray(numbers(size))
    y, dx = device.empty((size,), "float32"), device.empty((size,), "float32")
    mask = drop(device, x, y)
    with device.using_stream():
        dropout.backward.launch(x, mask, dx, rate=0.3)
    expected = dropped_by_numpy(numbers(size))
    for array, wanted in zip((y, mask, dx), (*expected, expected[0]), strict=True):
        np.testing.assert_array_equal(device.to_numpy(array), wanted, strict=True)


def test_infinite_elements_are_treated_as_numpy_does(device):
    x = np.array([np.inf, -np.inf, np.nan, -1.0] * 8, "float32")
    y = device.empty(x.shape, "float32")
    drop(device, device.asarray(x), y)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(device.to_numpy(y), dropped_by_numpy(x)[0])


def test_dropout_may_overwrite_what_it_reads(device):
    x = device.asarray(numbers(70))
    mask = drop(device, x, x)
    once = dropped_by_numpy(numbers(70))[0]
    np.testing.assert_array_equal(device.to_numpy(x), once)
    with device.using_stream():
        dropout.backward.launch(x, mask, x, rate=0.3)
    np.testing.assert_allclose(device.to_numpy(x), once / 0.7, rtol=1e-6)


@pytest.mark.parametrize("skipped", [1, 2, 3])
def test_arrays_may_begin_anywhere(device, skipped):
    x, y = device.asarray(numbers(41))[skipped:], device.zeros((41,), "float32")
    drop(device, x, y[skipped:])
    np.testing.assert_array_equal(device.to_numpy(y)[skipped:], dropped_by_numpy(numbers(41)[skipped:])[0])
    assert not device.to_numpy(y)[:skipped].any()


@pytest.mark.parametrize("dtype", HALVES)
def test_half_types_are_rounded_once(device, dtype):
    x = numbers(41).astype(half(dtype))
    y, dx = device.asarray(np.zeros_like(x)), device.asarray(np.zeros_like(x))
    mask = drop(device, device.asarray(x), y)
    with device.using_stream():
        dropout.backward.launch(device.asarray(x), mask, dx, rate=0.3)
    expected = dropped_by_numpy(x.astype("float32"))[0].astype(x.dtype)
    for array in (y, dx):
        np.testing.assert_array_equal(device.to_numpy(array).astype("float32"), expected.astype("float32"))


@pytest.mark.parametrize("dtype", HALVES)
def test_noise_of_half_types_is_that_of_float32_rounded(device, dtype):
    y, wide = device.asarray(np.zeros(41, half(dtype))), device.empty((41,), "float32")
    with device.using_stream():
        for array in (y, wide):
            noise.normal.launch(array, **COORDINATES, mean=1.0, std=2.0)
    rounded = device.to_numpy(wide).astype(half(dtype))
    np.testing.assert_array_equal(device.to_numpy(y).astype("float32"), rounded.astype("float32"))


def test_a_rate_outside_the_range_is_refused(device):
    x = device.zeros((3,), "float32")
    with pytest.raises(ValueError, match=r"rate expects a number in \[0, 1\)"):
        dropout.forward.launch(x, x, device.empty((3,), "uint8"), **COORDINATES, rate=1.0)


@pytest.mark.parametrize("op", CASES, ids=lambda op: op.__qualname__)
def test_one_launch_and_nothing_else(op):
    device, case = EmulatedBackend("fast"), CASES[op][3]
    arrays = {
        name: device.asarray(item) if hasattr(item, "shape") else item for name, item in case.fill("float32").items()
    }
    with device.using_stream():
        run = op.bound("cuda", **arrays, **case.options)
        before = device.xp.counters.as_dict()
        run()
    assert device.xp.counters.as_dict() == before | {"launches": before["launches"] + 1}


def test_a_program_drops_the_same_elements_as_on_the_cpu():
    def steps(backend: str) -> list[np.ndarray]:
        x = Input((20, 33))
        y = Dropout(0.3)(x)
        program = Program([x], y.sum(), ParamArena([], seed=3, backend=backend), keep=[y], gradients_of=[x])
        found = []
        for _ in range(2):
            program.forward(numbers(20, 33))
            program.backward()
            found += [program.arena.backend.to_numpy(array) for array in (program.read(y), program.gradient(x))]
        return found

    for wanted, got in zip(steps("cpu"), steps("emulated"), strict=True):
        np.testing.assert_array_equal(got, wanted)
