"""Mistakes of a launch that CuPy lets pass, or that a GPU reports late or never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cuda_on_cpu import KernelError, LaunchError, StandIn

SOURCE = """
#include <cuda_bf16.h>

// Block b adds up row b of x: y[b] = sum of x[b, :], by a tree over 128 threads.
extern "C" __global__ void __launch_bounds__(128) row_sums(const float* x, float* y, int rows, int width) {
    __shared__ float part[128];
    if (blockIdx.x >= rows) return;
    float sum = 0;
    for (int i = threadIdx.x; i < width; i += 128) sum += x[(size_t)blockIdx.x * width + i];
    part[threadIdx.x] = sum;
    __syncthreads();
    for (int step = 64; step > 0; step /= 2) {
        if (threadIdx.x < step) part[threadIdx.x] += part[threadIdx.x + step];
        __syncthreads();
    }
    if (threadIdx.x == 0) y[blockIdx.x] = part[0];
}

// One thread adds 1 to the element of its number.
extern "C" __global__ void increment(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] + 1;
}

// Thread 0 of each block writes how many bytes of dynamic shared memory it filled.
extern "C" __global__ void fill_shared(int* y, int bytes) {
    extern __shared__ __align__(16) unsigned char memory[];
    if (threadIdx.x == 0) {
        for (int i = 0; i < bytes; i++) memory[i] = 1;
        y[blockIdx.x] = bytes;
    }
}

// All threads add their element to one sum, in any order.
extern "C" __global__ void atomic_sum(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) atomicAdd(y, x[i]);
}

// One thread copies four elements.
extern "C" __global__ void copy4(const float4* x, float4* y) { y[threadIdx.x] = x[threadIdx.x]; }

// One thread doubles the element of its number.
extern "C" __global__ void double_halves(__nv_bfloat16* x) {
    x[threadIdx.x] = __float2bfloat16_rn(2 * __bfloat162float(x[threadIdx.x]));
}

struct Pair { int a, b; };
// One thread writes the members of a pair.
extern "C" __global__ void unpack(Pair pair, int* y) { y[0] = pair.a; y[1] = pair.b; }
"""
ROWS, WIDTH = 5, 300
i32, f32 = np.int32, np.float32


@pytest.fixture
def cp() -> StandIn:
    return StandIn(mode="check")


def kernel(cp: StandIn, name: str) -> Any:
    return cp.RawModule(code=SOURCE).get_function(name)


@pytest.fixture
def args(cp: StandIn) -> list[Any]:
    x = np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype(f32)
    return [cp.asarray(x), cp.empty(ROWS, f32), i32(ROWS), i32(WIDTH)]


def row_sums(cp: StandIn, args: list[Any], grid: Any = (ROWS,), block: Any = (128,), **options: Any) -> Any:
    kernel(cp, "row_sums")(grid, block, tuple(args), **options)
    return args[1].get()


@pytest.mark.parametrize("mode", ["check", "fast"])
@pytest.mark.parametrize("orders", [("forward",), ("forward", "reverse", "random", "warps_reversed")])
def test_a_correct_launch(mode: str, orders: tuple[str, ...]) -> None:
    cp = StandIn(mode, orders)
    x = np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype(f32)
    with cp.recording() as log, cp.cuda.Stream() as stream:
        sums = row_sums(cp, [cp.asarray(x), cp.empty(ROWS, f32), i32(ROWS), i32(WIDTH)])
    np.testing.assert_allclose(sums, x.sum(1, dtype="float64"), rtol=0, atol=WIDTH * np.finfo(f32).eps)
    assert ("row_sums", stream.name) in log
    assert cp.counters.launches == 1


WRONG_ARGUMENTS: list[tuple[int, Callable[[Any], Any], str]] = [
    (2, lambda cp: 5, "int for parameter int32; CuPy would pass it as int64: use np.int32"),
    (2, lambda cp: 1.5, "float for parameter int32; CuPy would pass it as float64"),
    (2, lambda cp: True, "bool for parameter int32; CuPy would pass it as bool"),
    (2, lambda cp: "5", "str for parameter int32"),
    (2, lambda cp: np.int64(5), "int64 for parameter int32"),
    (2, lambda cp: f32(5), "float32 for parameter int32"),
    (2, lambda cp: b"1234", "4 bytes for parameter int32"),
    (2, lambda cp: cp.ones((), i32), "Array for parameter int32"),
    (0, lambda cp: cp.ones((ROWS, WIDTH)), r"array of float64 for parameter float32\*"),
    (0, lambda cp: np.ones((ROWS, WIDTH), f32), r"is a pointer \(float32\*\), got ndarray"),
    (0, lambda cp: i32(3), "is a pointer"),
    (0, lambda cp: cp.ones((WIDTH, ROWS), f32).T, "not C-contiguous"),
    (0, lambda cp: StandIn().ones((ROWS, WIDTH), f32), "not on the current device"),
]


@pytest.mark.parametrize(("position", "value", "message"), WRONG_ARGUMENTS)
def test_a_wrong_argument(
    cp: StandIn, args: list[Any], position: int, value: Callable[[Any], Any], message: str
) -> None:
    args[position] = value(cp)
    with pytest.raises(LaunchError, match=f"row_sums: argument {position}.*{message}"):
        row_sums(cp, args)
    assert cp.counters.launches == 0


@pytest.mark.parametrize("change", [lambda args: args[:-1], lambda args: [*args, i32(1)]])
def test_a_wrong_number_of_arguments(cp: StandIn, args: list[Any], change: Any) -> None:
    with pytest.raises(LaunchError, match="row_sums: takes a tuple of 4 arguments, got"):
        row_sums(cp, change(args))


def test_an_array_of_one_number_is_passed_by_value(cp: StandIn, args: list[Any]) -> None:
    args[2] = np.array([ROWS], i32)
    assert row_sums(cp, args).shape == (ROWS,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": (256,)}, r"256 threads, but __launch_bounds__\(128\)"),
        ({"block": (2048,)}, "2048 threads"),
        ({"block": (1, 1, 128)}, "64 in z"),
        ({"block": (0,)}, "sizes from 0 and from 1"),
        ({"block": 128}, "block expects a tuple"),
        ({"grid": (1, 70000)}, "exceeds the limits"),
        ({"grid": [ROWS]}, "grid expects a tuple"),
        ({"grid": (5.0,)}, "host integers, got float"),
        ({"grid": (1, 1, 1, 1)}, "one to three"),
        ({"grid": (-1,)}, "sizes from 0"),
        ({"shared_mem": 60000}, "raise max_dynamic_shared_size_bytes first"),
        ({"shared_mem": -4}, "shared_mem expects a number of bytes, got -4"),
        ({"grid": (ROWS - 1,)}, r"reads element \(4,\) of an array of float32 and shape \(5,\), which nothing ever"),
    ],
)
def test_wrong_sizes(cp: StandIn, args: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(LaunchError, match=message):
        row_sums(cp, args, **options)


def test_a_block_smaller_than_the_kernel_needs(cp: StandIn, args: list[Any]) -> None:
    with pytest.raises(KernelError, match="uninitialised shared memory"):
        row_sums(cp, args, block=(64,))


@pytest.mark.parametrize("position", [2, 3])
def test_a_size_too_large_by_one(cp: StandIn, args: list[Any], position: int) -> None:
    args[position] = i32(args[position] + 1)
    with pytest.raises(KernelError, match="out of bounds"):
        row_sums(cp, args, grid=(ROWS + 1,))


def test_a_grid_without_blocks_launches_one_as_in_cupy(cp: StandIn) -> None:
    x = cp.zeros(4, f32)
    kernel(cp, "increment")((0,), (4,), (x, x, i32(4)))
    assert x.get().tolist() == [1] * 4


@pytest.mark.parametrize("position", [0, 1])
def test_none_is_the_null_pointer(cp: StandIn, position: int) -> None:
    args: list[Any] = [cp.ones(4, f32), cp.empty(4, f32), i32(4)]
    args[position] = None
    with pytest.raises(KernelError, match=r"out of bounds|null"):
        kernel(cp, "increment")((1,), (4,), tuple(args))
    kernel(cp, "increment")((1,), (4,), (None, None, i32(0)))


def test_elements_that_nothing_wrote_are_reported_where_they_are_read(cp: StandIn) -> None:
    x, y = cp.empty(8, f32), cp.empty(8, f32)
    x[:7] = 1
    line = SOURCE[: SOURCE.index("y[i] = x[i] + 1")].count("\n") + 1
    with pytest.raises(KernelError, match=rf"initcheck: module.cu:{line}: .*argument 0: byte offset 28"):
        kernel(cp, "increment")((1,), (8,), (x, y, i32(8)))
    kernel(cp, "increment")((1,), (8,), (x, y, i32(7)))
    assert y[:7].get().tolist() == [2] * 7


@pytest.mark.parametrize("block", [np.uint8, np.float64, np.float32])
def test_what_was_written_is_known_in_every_view_of_a_block(cp: StandIn, block: Any) -> None:
    memory = cp.empty(64 // np.dtype(block).itemsize, block)
    x, y = (memory.view(np.uint8)[part].view(f32) for part in (slice(0, 16), slice(16, 32)))
    with pytest.raises(KernelError, match="initcheck"):
        kernel(cp, "increment")((1,), (4,), (x, y, i32(4)))
    x.fill(1)
    kernel(cp, "increment")((1,), (3,), (x, y, i32(3)))
    assert y[:3].view(np.uint16).get().size == 6
    with pytest.raises(LaunchError, match=r"element \(3,\)"):
        y.get()


def test_arguments_may_be_the_same_memory_but_not_overlap_in_part(cp: StandIn) -> None:
    x, increment = cp.zeros(9, f32), kernel(cp, "increment")
    increment((1,), (8,), (x[:8], x[:8], i32(8)))
    increment((1,), (4,), (x[:4], x[4:8], i32(4)))
    assert x[:8].get().tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    with pytest.raises(LaunchError, match="argument 0 and argument 1 overlap in part"):
        increment((1,), (8,), (x[:8], x[1:], i32(8)))
    increment.inplace_ok = True
    with pytest.raises(KernelError, match="racecheck"):
        increment((1,), (8,), (x[:8], x[1:], i32(8)))


def test_a_misaligned_view_is_refused_for_vectors(cp: StandIn) -> None:
    x, y = cp.ones(12, f32), cp.empty(8, f32)
    kernel(cp, "copy4")((1,), (2,), (x[4:], y))
    assert y.get().tolist() == [1] * 8
    with pytest.raises(LaunchError, match=r"argument 0: address not aligned to 16 bytes for float32x4\*"):
        kernel(cp, "copy4")((1,), (2,), (x[1:9], y))


def test_bfloat16_is_passed_as_its_bits_or_as_ml_dtypes(cp: StandIn) -> None:
    one_and_half = np.array([0x3FC0], np.uint16)
    x = cp.asarray(one_and_half)
    kernel(cp, "double_halves")((1,), (1,), (x,))
    assert x.get().tolist() == [0x4040]
    with pytest.raises(LaunchError, match=r"array of float16 for parameter bfloat16\*"):
        kernel(cp, "double_halves")((1,), (1,), (cp.ones(1, "float16"),))
    ml_dtypes = pytest.importorskip("ml_dtypes")
    y = cp.asarray([1.5], ml_dtypes.bfloat16)
    kernel(cp, "double_halves")((1,), (1,), (y,))
    assert y.get().tolist() == [3]


def test_structs_are_passed_as_bytes_of_their_size(cp: StandIn) -> None:
    y = cp.empty(2, i32)
    kernel(cp, "unpack")((1,), (1,), (np.array([3, 4], i32).tobytes(), y))
    assert y.get().tolist() == [3, 4]
    with pytest.raises(LaunchError, match="4 bytes for parameter struct of 8 bytes"):
        kernel(cp, "unpack")((1,), (1,), (bytes(4), y))


def test_more_shared_memory_than_48_kib_must_be_asked_for(cp: StandIn) -> None:
    fill, y = kernel(cp, "fill_shared"), cp.empty(1, i32)
    assert fill.max_dynamic_shared_size_bytes == 48 * 1024
    with pytest.raises(LaunchError, match="shared_mem=60000 exceeds 49152"):
        fill((1,), (32,), (y, i32(60000)), shared_mem=60000)
    fill.max_dynamic_shared_size_bytes = 60000
    fill((1,), (32,), (y, i32(60000)), shared_mem=60000)
    assert y.item() == 60000
    with pytest.raises(LaunchError, match="sm_80 has 166912"):
        fill.max_dynamic_shared_size_bytes = 200_000
    with pytest.raises(KernelError, match="shared"):
        fill((1,), (32,), (y, i32(101)), shared_mem=100)


def test_a_result_that_depends_on_the_order_of_threads() -> None:
    cp = StandIn(orders=("forward", "reverse"))
    x, y = cp.asarray([1e8, -1e8, 1], f32), cp.zeros(1, f32)  # adds up to 1 forward and to 0 backward
    atomic_sum = kernel(cp, "atomic_sum")
    with pytest.raises(LaunchError, match=r"argument 1 depends on the order that threads run in \(forward against"):
        atomic_sum((1,), (3,), (x, y, i32(3)))
    atomic_sum.deterministic = False
    y.fill(0)
    atomic_sum((1,), (3,), (x, y, i32(3)))
    assert y.item() == 0


def test_every_order_starts_from_the_same_state() -> None:
    cp = StandIn(orders=("forward", "reverse", "random"))
    x = cp.zeros(100, f32)
    kernel(cp, "increment")((1,), (128,), (x, x, i32(100)))
    assert x.get().tolist() == [1] * 100


def test_attributes(cp: StandIn) -> None:
    sums = kernel(cp, "row_sums")
    assert (sums.name, sums.max_threads_per_block) == ("row_sums", 128)
    assert sums.shared_size_bytes >= 512
    assert sums.max_dynamic_shared_size_bytes == 48 * 1024 - sums.shared_size_bytes
    assert sums.num_regs == 255 and kernel(cp, "increment").num_regs == 64
    assert sums.attributes["max_threads_per_block"] == 128
    assert cp.RawKernel(SOURCE, "increment").name == "increment"
