"""A compiled module works wherever its file lies, and modules do not disturb each other."""

from __future__ import annotations

import ctypes
import shutil
import threading

import numpy as np
import pytest
from emulator.launches import inline, launch, module

from cuda_on_cpu import KernelError, LaunchError, Module, build

CODE = """// a block counts its launches in module memory and adds through shared memory
__device__ int launches = 0;
template <int N> __device__ float* buffer() {
    __shared__ float s[N];
    return s;
}
extern "C" __global__ void count(float* y) {
    float* s = buffer<64>();
    if (threadIdx.x == 0) ++launches;
    s[threadIdx.x] = launches;
    __syncthreads();
    y[threadIdx.x] = s[63 - threadIdx.x];
}
extern "C" __global__ void fail(float* y) {
    y[threadIdx.x + 1] = 0;
}
"""


def test_a_copy_under_another_name_is_complete(tmp_path):
    copy = tmp_path / "somewhere" / "kernels.cubin"
    copy.parent.mkdir()
    shutil.copy(build(CODE, "layers/count.cu", mode="check"), copy)
    moved = Module(copy)
    assert (moved.mode, moved.filename, list(moved.kernels)) == ("check", "count.cu", ["count", "fail"])
    assert moved.kernels["count"].static_shared_bytes == 256
    y = np.zeros(64, np.float32)
    launch(moved.kernels["count"], 1, 64, y)
    assert y.tolist() == [1] * 64
    with pytest.raises(KernelError) as raised:
        launch(moved.kernels["fail"], 1, 64, y)
    assert raised.value.problems[0].where == "count.cu:15"


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_two_copies_in_one_process_have_their_own_memory(tmp_path, mode):
    path, y = build(CODE, mode=mode), np.zeros(64, np.float32)
    copies = [Module(shutil.copy(path, tmp_path / f"{mode}{number}.so")) for number in range(2)]
    for _ in range(2):
        launch(copies[0].kernels["count"], 1, 64, y)
    assert y[0] == 2
    launch(copies[1].kernels["count"], 1, 64, y)
    assert y[0] == 1


def test_static_shared_memory_is_counted_per_kernel():
    code = """template <int N> __device__ float* buffer() { __shared__ float s[N]; return s; }
    __device__ __noinline__ void deep(float* y) { y[0] = buffer<10>()[0]; }
    extern "C" __global__ void none(float* y) { y[0] = 1; }
    extern "C" __global__ void direct(float* y) {
        __shared__ double d[5];
        d[threadIdx.x] = 1;
        __syncthreads();
        y[0] = d[1];
    }
    extern "C" __global__ void through_a_function(float* y) { deep(y); }
    extern "C" __global__ void both(float* y) {
        __shared__ short h[3];
        h[threadIdx.x] = 1;
        __syncthreads();
        y[0] = h[1];
        deep(y);
    }"""
    for mode in ("fast", "check"):
        kernels = module(code, mode=mode).kernels
        assert {name: kernel.static_shared_bytes for name, kernel in kernels.items()} == {
            "none": 0,
            "direct": 40,
            "through_a_function": 40,
            "both": 46,
        }
        assert [array.name for array in kernels["direct"].shared] == ["d"]


def test_shared_memory_holds_nan_when_a_block_starts():
    body = """__shared__ float a;
    extern __shared__ float d[];
    y[2 * blockIdx.x] = a, y[2 * blockIdx.x + 1] = d[3];
    a = d[3] = 1;"""
    y = np.zeros(4, np.float32)
    launch(inline(body, mode="fast"), 2, 1, y, dynamic_bytes=16)
    assert np.isnan(y).all()


def test_launches_from_several_python_threads_wait_for_each_other():
    body = "__shared__ float s[256]; s[threadIdx.x] = x; __syncthreads(); y[threadIdx.x] = s[255 - threadIdx.x];"
    kernel = inline(body, "float* y, float x", mode="check")
    results = [np.zeros(256, np.float32) for _ in range(6)]
    threads = [threading.Thread(target=launch, args=(kernel, 1, 256, y, np.float32(x))) for x, y in enumerate(results)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [set(y.tolist()) for y in results] == [{float(x)} for x in range(6)]


@pytest.mark.parametrize("sizes", [((1, 1, 1), (1025, 1, 1)), ((0, 1, 1), (1, 1, 1)), ((1, 1), (1, 1, 1))])
def test_sizes_that_cannot_run_are_refused(sizes):
    kernel = inline("y[0] = 1;")
    with pytest.raises(LaunchError, match=r"kernel: grid .* and block"):
        kernel.launch(*sizes, [0], [])


def test_the_number_of_arguments_is_checked():
    with pytest.raises(LaunchError, match="kernel: 2 arguments for 1 parameters"):
        inline("y[0] = 1;").launch((1, 1, 1), (1, 1, 1), [0, 0], [])


def test_an_unknown_order_is_refused():
    with pytest.raises(LaunchError, match="order 'sideways'; known: forward, reverse, random, warps_reversed"):
        launch(inline("y[0] = 1;"), 1, 1, np.zeros(1, np.float32), order="sideways")


def test_printf_prints(capfd):
    body = 'if (threadIdx.x == 3) printf("thread %d of %s\\n", threadIdx.x, "a block");'
    launch(inline(body), 1, 8, np.zeros(1, np.float32))
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr().out == "thread 3 of a block\n"


def test_without_addr2line_a_finding_lacks_its_line_only(monkeypatch):
    code = "__global__ void over(int* x) { x[threadIdx.x + 1] = 1; }"
    found = module(code)  # built while the tools are there
    monkeypatch.setenv("PATH", "")
    with pytest.raises(KernelError, match=r"memcheck: kernel\.cu:0: global write out of bounds"):
        launch(found.kernels["over"], 1, 1, np.zeros(1, "int32"))
