"""Axes in another order: which kernel does it, in how many axes, and for which dtypes."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.ops import transpose
from fusegrad.ops.transpose import joined


@pytest.fixture(scope="module")
def device() -> EmulatedBackend:
    return EmulatedBackend("check")


def transposed(device: EmulatedBackend, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    y = device.empty(tuple(x.shape[axis] for axis in axes), x.dtype)
    with device.using_stream():
        transpose.transpose.launch(device.asarray(x), y, axes=axes)
    return device.to_numpy(y)


@pytest.mark.parametrize(
    ("shape", "axes", "left"),
    [
        ((), (), [(1, 1, 1)]),
        ((4, 5, 6), (0, 1, 2), [(120, 1, 1)]),
        ((4, 5, 6), (1, 2, 0), [(30, 1, 4), (4, 30, 1)]),
        ((2, 3, 4, 5), (0, 1, 3, 2), [(6, 20, 20), (5, 1, 4), (4, 5, 1)]),
        ((2, 5, 3, 8), (0, 2, 1, 3), [(2, 120, 120), (3, 8, 40), (5, 24, 8), (8, 1, 1)]),
        ((3, 1, 4, 1, 5), (4, 3, 0, 1, 2), [(5, 1, 12), (12, 5, 1)]),
    ],
)
def test_axes_that_stay_together_are_joined(shape, axes, left):
    assert joined(shape, axes) == left


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "uint64", "float16", "float64", "bfloat16"])
def test_every_dtype_moves(device, dtype):
    kind = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    x = np.arange(3 * 40 * 16).reshape(3, 40, 16) % 251
    for axes in (0, 2, 1), (1, 0, 2), (0, 1, 2):
        y = transposed(device, x.astype(kind), axes)
        np.testing.assert_array_equal(y.astype("float64"), x.astype(kind).transpose(axes).astype("float64"))


def test_rows_that_are_not_aligned_move(device):
    whole = device.asarray(np.arange(1 + 2 * 3 * 8, dtype="float32"))
    x, y = whole[1:].reshape(2, 3, 8), device.empty((3, 2, 8), "float32")
    with device.using_stream():
        transpose.transpose.launch(x, y, axes=(1, 0, 2))
    np.testing.assert_array_equal(device.to_numpy(y), device.to_numpy(x).transpose(1, 0, 2))


def test_nothing_is_moved_where_nothing_is(device):
    assert transposed(device, np.empty((3, 0, 2), "float32"), (2, 1, 0)).shape == (2, 0, 3)


def test_one_launch_and_nothing_else():
    device = EmulatedBackend("fast")
    x, y = device.zeros((2, 5, 3, 8), "float32"), device.empty((2, 3, 5, 8), "float32")
    with device.using_stream():
        run = transpose.transpose.bound("cuda", x, y, axes=(0, 2, 1, 3))
        before = device.xp.counters.as_dict()
        run()
    assert device.xp.counters.as_dict() == before | {"launches": before["launches"] + 1}
