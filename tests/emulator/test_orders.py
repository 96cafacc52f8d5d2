"""Threads and blocks run in the order that was asked for, and each one runs once in every order."""

from __future__ import annotations

import numpy as np
import pytest
from emulator.launches import ORDERS, inline, launch

# y[thread] = when the thread started; __device__ memory is that of the module, hence reset by the first one.
NUMBER = "y[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(count, 1);"
PARAMETERS = "int* y, int* count"


def started(order: str, seed: int = 0, grid: int = 1, block: int = 80) -> np.ndarray:
    """The threads in the order in which they started."""
    y, count = np.zeros(grid * block, np.int32), np.zeros(1, np.int32)
    launch(inline(NUMBER, PARAMETERS), grid, block, y, count, order=order, seed=seed)
    return np.argsort(y)


def test_forward():
    np.testing.assert_array_equal(started("forward", grid=2), np.arange(160))


def test_reverse_turns_blocks_and_threads_around():
    np.testing.assert_array_equal(started("reverse", grid=2), np.arange(160)[::-1])


def test_warps_reversed_keeps_the_lanes_in_order():
    expected = [*range(64, 80), *range(32, 64), *range(32)]
    np.testing.assert_array_equal(started("warps_reversed"), expected)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("grid", [1, 2, 6, 97, (3, 4, 5)])
def test_every_block_runs_once(order, grid):
    y = np.zeros(np.prod(grid), np.int32)
    body = "y[blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z)] += 1;"
    launch(inline(body, "int* y"), grid, 1, y, order=order, seed=3)
    assert (y == 1).all()


def test_random_is_a_permutation_that_the_seed_decides():
    first = started("random", seed=1)
    np.testing.assert_array_equal(np.sort(first), np.arange(80))
    np.testing.assert_array_equal(first, started("random", seed=1))
    assert (first != started("random", seed=2)).any()


@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize("order", ORDERS)
def test_barriers_and_warps_work_in_every_order(order, mode):
    body = """__shared__ int s[96];
    int t = threadIdx.x + blockDim.x * threadIdx.y, sum = 0;
    for (int k = 0; k < 4; k++) {
        s[t] = t + k;
        __syncthreads();
        sum += s[95 - t];
        __syncthreads();
        sum += __shfl_xor_sync(~0u, sum, 1 << k);
    }
    y[t + 96 * (blockIdx.x + gridDim.x * blockIdx.y)] = sum;"""
    y, t = np.zeros((6, 96), np.int32), np.arange(96)
    launch(inline(body, "int* y", mode=mode), (3, 2), (24, 4), y, order=order)
    total = np.zeros(96, np.int64)
    for k in range(4):
        total += 95 - t + k
        total += total[t ^ (1 << k)]
    np.testing.assert_array_equal(y, np.broadcast_to(total, (6, 96)))


def test_indices_are_those_of_cuda():
    body = """int t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    int b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    y[b * 24 + t] = threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z + 1000 * blockIdx.x + 10000 * blockIdx.y
                    + 100000 * blockIdx.z;"""
    y = np.zeros((2, 3, 2, 4, 3, 2), np.int32)
    launch(inline(body, "int* y"), (2, 3, 2), (2, 3, 4), y)
    axes = np.indices(y.shape)
    expected = sum(axis * scale for axis, scale in zip(axes, (100000, 10000, 1000, 100, 10, 1), strict=True))
    np.testing.assert_array_equal(y, expected)
