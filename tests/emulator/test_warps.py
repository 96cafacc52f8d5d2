"""Operations of a warp, barriers with a vote, and atomic functions give what NumPy gives, in every order of threads."""

from __future__ import annotations

import numpy as np
import pytest
from emulator.launches import ORDERS, inline, launch

LANES = np.arange(32)
TYPES = {"int": np.int32, "unsigned": np.uint32, "float": np.float32, "double": np.float64, "long long": np.int64,
         "unsigned long long": np.uint64}  # fmt: skip

# function with its last arguments -> the lane that each lane reads
SHUFFLES = {
    "__shfl_sync(~0u, v, 5)": np.full(32, 5),
    "__shfl_sync(~0u, v, 37)": np.full(32, 5),
    "__shfl_sync(~0u, v, 3, 8)": LANES & ~7 | 3,
    "__shfl_xor_sync(~0u, v, 6)": LANES ^ 6,
    "__shfl_xor_sync(~0u, v, 12, 8)": np.where((LANES ^ 12) // 8 > LANES // 8, LANES, LANES ^ 12),
    "__shfl_down_sync(~0u, v, 3)": np.where(LANES + 3 < 32, LANES + 3, LANES),
    "__shfl_down_sync(~0u, v, 3, 16)": np.where(LANES % 16 + 3 < 16, LANES + 3, LANES),
    "__shfl_up_sync(~0u, v, 3)": np.where(LANES >= 3, LANES - 3, LANES),
    "__shfl_up_sync(~0u, v, 3, 4)": np.where(LANES % 4 >= 3, LANES - 3, LANES),
}


def run(body: str, kind: str, count: int, order: str = "forward", mode: str = "check") -> np.ndarray:
    """`count` results per thread of a block of 64, from `v`, a number of its own."""
    x = (np.arange(64) * 1000003 % 971).astype(TYPES[kind])
    y = np.zeros((count, 64), TYPES[kind])
    body = f"int t = threadIdx.x; {kind} v = x[t];\n{body}"
    launch(inline(body, f"const {kind}* x, {kind}* y", mode=mode), 1, 64, x, y, order=order)
    return np.stack([np.broadcast_to(x, (count, 64)), y])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", TYPES)
def test_shuffles(kind, order):
    body = "\n".join(f"y[{64 * k} + t] = {call};" for k, call in enumerate(SHUFFLES))
    x, y = run(body, kind, len(SHUFFLES), order)
    for call, lanes, values in zip(SHUFFLES, SHUFFLES.values(), y, strict=True):
        np.testing.assert_array_equal(values, x[0][np.r_[lanes, lanes + 32]], err_msg=call)


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_shuffles_of_half_types(mode):
    body = """__half2 h = __floats2half2_rn(v, 1.0f);
    h = __shfl_xor_sync(~0u, h, 1);
    y[t] = __half2float(h.x);
    y[64 + t] = __bfloat162float(__shfl_xor_sync(~0u, __float2bfloat16_rn(t), 2));"""
    x, y = run(body, "float", 2, mode=mode)
    np.testing.assert_array_equal(y, [x[0][np.arange(64) ^ 1], np.arange(64) ^ 2])


@pytest.mark.parametrize("order", ORDERS)
def test_votes_and_matches(order):
    body = """y[t] = __ballot_sync(~0u, v & 1);
    y[64 + t] = __any_sync(~0u, v == 971) + 2 * __any_sync(~0u, v >= 0) + 4 * __all_sync(~0u, v & 1)
                + 8 * __all_sync(~0u, v < 971);
    y[128 + t] = __match_any_sync(~0u, v % 3);
    int all;
    y[192 + t] = __match_all_sync(~0u, t / 32, &all) + 2 * all;
    y[256 + t] = __match_all_sync(~0u, v, &all) + 2 * all;
    y[320 + t] = __activemask();
    __syncwarp();  // until here no lane has returned"""
    x, y = run(body, "int", 6, order)
    v, y = x[0].reshape(2, 32), y.view(np.uint32).reshape(6, 2, 32)
    weights = 1 << np.arange(32, dtype=np.uint64)
    np.testing.assert_array_equal(y[0], np.broadcast_to(((v & 1) * weights).sum(1)[:, None], (2, 32)))
    np.testing.assert_array_equal(y[1], np.full((2, 32), 2 + 8))
    same = v[:, :, None] % 3 == v[:, None, :] % 3
    np.testing.assert_array_equal(y[2], (same * weights).sum(2))
    np.testing.assert_array_equal(y[3], np.full((2, 32), 1))  # the full mask plus 2
    np.testing.assert_array_equal(y[4:], [np.zeros((2, 32)), np.full((2, 32), 2**32 - 1)])


def test_reductions():
    names = ("add", "min", "max", "and", "or", "xor")
    body = "\n".join(f"y[{64 * k} + t] = __reduce_{name}_sync(~0u, v);" for k, name in enumerate(names))
    x, y = run(body, "unsigned", len(names))
    functions = (np.add, np.minimum, np.maximum, np.bitwise_and, np.bitwise_or, np.bitwise_xor)
    for function, values in zip(functions, y, strict=True):
        expected = np.repeat([function.reduce(x[0][:32]), function.reduce(x[0][32:])], 32)
        np.testing.assert_array_equal(values, expected, err_msg=function.__name__)
    x, y = run("v -= 500; y[t] = __reduce_min_sync(~0u, v); y[64 + t] = __reduce_max_sync(~0u, v);", "int", 2)
    np.testing.assert_array_equal(y[0].reshape(2, 32)[:, 0], x[0].reshape(2, 32).min(1) - 500)
    np.testing.assert_array_equal(y[1].reshape(2, 32)[:, 0], x[0].reshape(2, 32).max(1) - 500)


def test_the_value_of_a_lane_outside_the_mask_is_poison():
    body = "if (t % 32 < 16) y[t] = __shfl_sync(0xffffu, v, t + 8);"
    x, y = run(body, "float", 1)
    lanes = np.arange(16)
    for first in (0, 32):
        warp = y[0][first : first + 16]
        np.testing.assert_array_equal(warp[:8], x[0][first + lanes[:8] + 8])
        assert np.isnan(warp[8:]).all()


@pytest.mark.parametrize("order", ORDERS)
def test_barriers_with_a_vote(order):
    body = """y[t] = __syncthreads_count(v & 1);
    y[64 + t] = __syncthreads_or(t == 63) + 2 * __syncthreads_or(t == 64);
    y[128 + t] = __syncthreads_and(t < 64) + 2 * __syncthreads_and(t < 63);"""
    x, y = run(body, "int", 3, order)
    np.testing.assert_array_equal(y, np.broadcast_to([[(x[0] & 1).sum()], [1], [1]], (3, 64)))


# name -> what 64 threads with numbers v make of 600
ATOMICS = {
    "atomicAdd": lambda v: 600 + v.sum(),
    "atomicSub": lambda v: (600 - v.sum()) % 2**32,
    "atomicMin": lambda v: min(600, v.min()),
    "atomicMax": lambda v: max(600, v.max()),
    "atomicAnd": lambda v: 600 & np.bitwise_and.reduce(v),
    "atomicOr": lambda v: 600 | np.bitwise_or.reduce(v),
    "atomicXor": lambda v: 600 ^ np.bitwise_xor.reduce(v),
    "atomicAdd_block": lambda v: 600 + v.sum(),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["int", "unsigned", "unsigned long long"])
def test_atomic_functions(kind, order):
    body = "\n".join(f"{name}(y + {k}, v);" for k, name in enumerate(ATOMICS))
    x, y = (np.arange(64) * 1000003 % 971).astype(TYPES[kind]), np.full(len(ATOMICS), 600, TYPES[kind])
    launch(inline(f"{kind} v = x[threadIdx.x];\n{body}", f"const {kind}* x, {kind}* y"), 1, 64, x, y, order=order)
    for (name, f), got in zip(ATOMICS.items(), y, strict=True):
        assert int(got) % 2**32 == int(f(x.astype(np.int64))), name


def test_atomic_functions_return_the_old_value():
    body = """y[0] = 5, y[1] = atomicAdd(y, 2), y[2] = atomicExch(y, 9);
    y[3] = atomicCAS(y, 9, 4), y[4] = atomicCAS(y, 9, 1);
    y[5] = atomicInc(y, 4), y[6] = atomicInc(y, 4), y[7] = atomicDec(y, 8), y[8] = y[0];"""
    y = np.zeros(9, np.uint32)
    launch(inline(body, "unsigned* y"), 1, 1, y)
    assert y[1:].tolist() == [5, 7, 9, 4, 4, 0, 1, 0]


@pytest.mark.parametrize(("kind", "dtype"), [("float", np.float32), ("double", np.float64), ("__half", np.float16)])
def test_atomic_sums_of_floating_point_numbers(kind, dtype):
    y = np.zeros(1, dtype)
    launch(inline(f"atomicAdd(y, ({kind})threadIdx.x);", f"{kind}* y"), 1, 32, y)
    assert y[0] == LANES.sum()


@pytest.mark.parametrize("order", ORDERS)
def test_the_last_block_finishes_the_work(order):
    body = """__shared__ bool last;
    if (threadIdx.x == 0) y[1 + blockIdx.x] = blockIdx.x;
    __threadfence();
    if (threadIdx.x == 0) last = atomicAdd(count, 1) == gridDim.x - 1;
    __syncthreads();
    if (last && threadIdx.x == 0)
        for (int b = 0; b < gridDim.x; b++) y[0] += y[1 + b];"""
    y, count = np.zeros(6, np.float32), np.zeros(1, np.int32)
    launch(inline(body, "float* y, int* count"), 5, 32, y, count, order=order, allow_interblock=True)
    assert y[0] == 10
