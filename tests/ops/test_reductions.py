"""Sums and clipping as kernels: how sums are split, scaled and added, and what must not change a bit of the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checks import check_close, check_parity
from op_names import name_of
from ops.reduction_cases import CASES

from cuda_on_cpu.stand_in.stand_in import ORDERS
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.backend.kernels import kernel
from fusegrad.ops import norm
from fusegrad.ops.grids import FILLING
from fusegrad.ops.reduction import launch_sums, split, steps

OPS = pytest.mark.parametrize("op", CASES, ids=name_of)
# outer, length, inner: around the lengths at which more threads, or more blocks, take part
ROWS = (1, 1, 1), (300, 8, 1), (5, 9, 1), (9, 33, 1), (2, 1024, 1), (3, 1025, 1), (1, 4097, 1), (2, 9001, 1)
COLUMNS = (2, 33, 2), (2, 33, 8), (2, 100, 9), (1, 257, 33), (1, 1000, 3), (2, 600, 33)
NOTHING = (0, 3, 4), (2, 0, 3), (2, 0, 1), (2, 3, 0)


@pytest.fixture(scope="module")
def backend() -> EmulatedBackend:
    return EmulatedBackend("check")


def summed(backend: EmulatedBackend, x: np.ndarray, y: np.ndarray, **options: Any) -> np.ndarray:
    with backend.using_stream():
        given, result = backend.asarray(x), backend.asarray(y)
        outer, length, inner = x.shape
        launch_sums(given, result, outer=outer, length=length, inner=inner, **options)()
    return backend.to_numpy(result)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("shape", ROWS + COLUMNS + NOTHING)
def test_sums_over_the_middle_axis_are_scaled_and_added(backend, shape, dtype):
    generator = np.random.default_rng(0)
    x = generator.uniform(-2, 2, shape).astype(dtype)
    y = generator.uniform(-2, 2, (shape[0], shape[2])).astype(dtype)
    total = x.sum(axis=1, dtype="float64")
    check_close("sums", summed(backend, x, y), total, dtype, shape[1])
    added = y.astype("float64") + total / 4
    check_close("sums added", summed(backend, x, y, scale=0.25, add=True), added, dtype, shape[1])


def test_half_types_are_summed_in_float32(backend):
    x, y = np.ones((1, 5000, 1), "float16"), np.zeros((1, 1), "float16")
    assert summed(backend, x, y) == 5000  # in float16 a sum of ones ends at 2048
    assert summed(backend, np.ones((1, 5000, 3), "float16"), np.zeros((1, 3), "float16")).tolist() == [[5000] * 3]


@pytest.mark.parametrize("length", [0, 1, 4096, 4097, 10_000_000, 2**31 + 5])
@pytest.mark.parametrize("blocks", [0, 1, 3, 5000])
def test_pieces_cover_a_sum_once(length, blocks):
    pieces, chunk = split(length, blocks, 4096)
    assert (pieces - 1) * chunk < max(1, length) <= max(1, pieces * chunk)
    assert pieces == 1 or chunk % 16 == 0
    assert pieces * max(1, blocks) <= max(FILLING, blocks)


def test_a_long_sum_is_shared_by_enough_blocks_to_fill_a_gpu():
    assert split(10_000_000, 1, 4096)[0] > 1000
    assert split(8192, 4096 // 32, 256)[0] * (4096 // 32) == FILLING


@pytest.mark.parametrize(
    ("shape", "axis", "expected"),
    [
        ((3, 5, 7), (1,), [(3, 5, 7)]),
        ((3, 5, 7), (0, 1), [(1, 15, 7)]),
        ((3, 5, 7), (0, 2), [(15, 7, 1), (1, 3, 5)]),
        ((3, 1, 7), (0, 2), [(1, 21, 1)]),
        ((3, 5), (-1,), [(3, 5, 1)]),
        ((3, 5), (), [(15, 1, 1)]),
        ((), (), [(1, 1, 1)]),
    ],
)
def test_neighbouring_axes_are_summed_together_and_the_longest_first(shape, axis, expected):
    assert steps(shape, axis) == expected


@OPS
def test_the_order_of_threads_does_not_change_a_bit(op):
    backend = EmulatedBackend("fast", orders=ORDERS)  # compares the results of all orders
    for case in CASES[op]:
        with backend.using_stream():
            check_parity(op.launch, op, case, backend=backend)


def test_indices_of_64_bits_spread_as_those_of_32_do(backend):
    with backend.using_stream():
        dy, dx = backend.asarray(np.arange(6, dtype="float32")), backend.empty(24, "float32")
        run = kernel(dy, "reduction.cu", "reduction_spread<float, unsigned long long, 1>")
        run.bind((1,), (256,), dy, dx, 24, 4, 3, 2.0)()
    expected = np.broadcast_to(2 * np.arange(6, dtype="float32").reshape(2, 1, 3), (2, 4, 3))
    assert backend.to_numpy(dx).reshape(2, 4, 3).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("gradients", "before", "after"),
    [
        ([1e30, 1e30], 1, 1 / (np.sqrt(2) * 1e30)),  # the squares overflow float32
        ([0.0, 0.0], 2, 2),
        ([np.inf], 1, 0),
        ([np.nan, 1], 1, np.nan),
        ([], 1, 1),
    ],
)
def test_clipping_at_the_ends_of_the_range(backend, gradients, before, after):
    with backend.using_stream():
        scale = backend.asarray(np.array(before, "float32"))
        arrays = tuple(backend.asarray(np.array([number], "float32")) for number in gradients)
        norm.clip_scale.launch(scale, gradients=arrays, limit=1.0)
    np.testing.assert_allclose(backend.to_numpy(scale), np.float32(after), rtol=1e-6)
