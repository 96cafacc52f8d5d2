"""Compiling kernel source: options, headers, names, messages, and the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from emulator.launches import inline, launch

from cuda_on_cpu import BuildError, KernelError, Module, build, compiler_version
from cuda_on_cpu import toolchain as chain

SCALE = """#include "twice.cuh"
template <class T, int BLOCK>
__global__ void __launch_bounds__(BLOCK) scale(const T* x, T* y, int n) {
    __shared__ T s[BLOCK];
    int i = threadIdx.x;
    s[i] = x[i];
    y[i] = twice(s[i]);
}
extern "C" __global__ void __launch_bounds__(2 * 64, 2) plain(float* y) { y[threadIdx.x] = 1; }
extern "C" __global__ void unbounded(float* y);
extern "C" __global__ void unbounded(float* y) { y[threadIdx.x] = 2; }
namespace inner {
template <class T> __global__ void fill(T* y, T value) { y[threadIdx.x] = value; }
}
"""
TWICE = """#pragma once
template <class T>
__device__ T twice(T x) {
    return x + x;
}
"""


def built(code: str, **options: object) -> Module:
    return Module(build(code, **options))


def test_templates_are_found_by_name_expressions():
    names = ("scale<float, 64>", "scale<double, 32>", "inner::fill<int>", "plain")
    module = built(SCALE, names=names, headers={"twice.cuh": TWICE})
    assert tuple(module.kernels) == names
    assert [kernel.launch_bounds for kernel in module.kernels.values()] == [64, 32, 1024, 128]
    assert [kernel.static_shared_bytes for kernel in module.kernels.values()] == [256, 256, 0, 0]
    x, y = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    launch(module.kernels["scale<float, 64>"], 1, 64, x, y, np.int32(64))
    np.testing.assert_array_equal(y, 2 * x)


@pytest.mark.parametrize(
    "head",
    [
        "__global__ void __launch_bounds__(3 * (8 + 8), 2) k(float* y)",
        "__global__ __launch_bounds__(SIZE) void k(float* y)",
        "__launch_bounds__(48)\n__global__ static\nvoid k(float* y)",
        "static __global__ void __launch_bounds__(\n    SIZE\n) k(\n    float* y)",
    ],
)
def test_launch_bounds_are_found_wherever_they_stand(head):
    kernel = Module(build(f"constexpr int SIZE = 48;\n{head} {{ y[0] = __LINE__; }}")).kernels["k"]
    assert kernel.launch_bounds == 48
    y = np.zeros(1, np.float32)
    launch(kernel, 1, 1, y)
    assert y[0] == 2 + head.count("\n")


def test_shared_arrays_may_be_static_and_aligned():
    body = """static __shared__ alignas(16) float s[4], t[4];
    s[threadIdx.x] = 1, t[threadIdx.x] = 2;
    __syncthreads();
    y[threadIdx.x] = s[0] + t[3];"""
    y = np.zeros(4, np.float32)
    kernel = inline(body)
    launch(kernel, 1, 4, y)
    assert y.tolist() == [3] * 4
    assert kernel.static_shared_bytes == 32


def test_without_names_all_kernels_that_are_not_templates_are_exported():
    module = built(SCALE, headers={"twice.cuh": TWICE})
    assert list(module.kernels) == ["plain", "unbounded"]


def test_signatures_come_from_the_types():
    code = """struct Sizes { long long rows; int width; };
    extern "C" __global__ void k(const float* __restrict__ a, __half* b, int n, const double s, Sizes sizes,
                                 unsigned long long seed, const void* v, bool flag, float4* w) {}"""
    assert built(code).kernels["k"].signature == [
        ("Pc", "float32"),
        ("P", "float16"),
        ("S", "int32", "4", "4"),
        ("S", "float64", "8", "8"),
        ("S", "struct", "16", "8"),
        ("S", "uint64", "8", "8"),
        ("Pc", "void"),
        ("S", "bool", "1", "1"),
        ("P", "float32x4"),
    ]


def test_a_struct_is_passed_by_value():
    code = """struct Large { float values[40]; int n; };
    extern "C" __global__ void k(Large large, float* y) {
        if (threadIdx.x < large.n) y[threadIdx.x] = large.values[threadIdx.x];
    }"""
    large = np.zeros(1, np.dtype([("values", "f4", 40), ("n", "i4")]))[0]
    large["values"], large["n"] = np.arange(40), 33
    y = np.zeros(40, np.float32)
    launch(Module(build(code, mode="check")).kernels["k"], 1, 64, large, y)
    np.testing.assert_array_equal(y, np.arange(40) * (np.arange(40) < 33))


def test_macros_are_those_of_the_options():
    y = np.zeros(4, np.float32)
    body = "y[0] = ONE; y[1] = SUM(2); y[2] = __CUDA_ARCH__;\n#ifdef GONE\ny[3] = 1;\n#endif"
    options = ("-DONE", "-DSUM(x)=(x + 3)", "-DGONE", "-UGONE", "--gpu-architecture=sm_90a", "-std=c++17", "-lineinfo")
    launch(inline(body, options=options), 1, 1, y)
    assert y.tolist() == [1, 5, 900, 0]


def test_the_architecture_is_8_0_by_default():
    y = np.zeros(1, np.float32)
    launch(inline("y[0] = __CUDA_ARCH__;"), 1, 1, y)
    assert y[0] == 800


@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize(("options", "expected"), [((), 1e-40), (("-ftz=true",), 0), (("--use_fast_math",), 0)])
def test_denormals_are_flushed_only_if_asked(mode, options, expected):
    x, y = np.full(1, 2e-40, np.float32), np.ones(1, np.float32)
    half = inline("y[0] = x[0] * 0.5f;", "const float* x, float* y", options=options, mode=mode)
    launch(half, 1, 1, x, y)
    assert y[0] == np.float32(expected)
    assert x[0] * np.float32(0.5) > 0  # the mode ends with the launch


def test_an_unknown_option_is_an_error():
    with pytest.raises(BuildError, match=r"kernel.cu: the compiler option '--fmad=false' has no meaning on the CPU"):
        inline("y[0] = 1;", options=("--fmad=false",))


def test_an_unknown_mode_is_an_error():
    with pytest.raises(BuildError, match="mode 'slow'; known: fast, check"):
        inline("y[0] = 1;", mode="slow")


def test_a_file_without_kernels_is_an_error():
    with pytest.raises(BuildError, match=r"a\.cu: there are no kernels"):
        build("template <class T> __global__ void k(T* y) {}", "a.cu")


def test_an_error_has_the_place_in_the_source_and_in_a_header():
    with pytest.raises(BuildError, match=r"\nk\.cu:3:.*nowhere"):
        build('\nextern "C" __global__ void k(float* y) {\n    nowhere(y);\n}\n', "b/k.cu", ("-DSHIFTED",))
    header = "#pragma once\n\n__device__ int f() { return nothing; }\n"
    with pytest.raises(BuildError, match=r"part/h\.cuh:3:.*nothing"):
        build('#include "part/h.cuh"\nextern "C" __global__ void k(float* y) {}', headers={"part/h.cuh": header})


@pytest.mark.parametrize("name", ["../up.cuh", "/absolute.cuh", "k.cu"])
def test_headers_stay_beside_the_source(name):
    with pytest.raises(BuildError, match=rf"k\.cu: a header cannot have the name '{name}'"):
        build('extern "C" __global__ void k(float* y) {}', "k.cu", headers={name: ""})


def test_an_unknown_kernel_name_is_quoted():
    with pytest.raises(BuildError, match=r"kernel name missing<float>:1:.*error"):
        build(SCALE, names=("missing<float>",), headers={"twice.cuh": TWICE})


def test_a_function_that_is_nowhere_defined_is_a_build_error():
    with pytest.raises(BuildError, match="nowhere"):
        inline("nowhere(y);", prefix="__device__ void nowhere(float* y);")


def test_dynamic_shared_memory_is_declared_inside_of_kernels():
    with pytest.raises(BuildError, match=r"kernel\.cu:2: declare the dynamic shared array 'buffer' inside the kernel"):
        build('\nextern __shared__ float buffer[];\nextern "C" __global__ void k(float* y) { y[0] = buffer[0]; }')


def test_reports_name_the_line_of_a_header():
    header = "#pragma once\ntemplate <class T>\n__device__ T element(const T* x, int i) {\n    return x[i];\n}\n"
    code = '#include "part/element.cuh"\nextern "C" __global__ void k(float* y) { y[threadIdx.x] = element(y, 64); }'
    module = Module(build(code, mode="check", headers={"part/element.cuh": header}))
    with pytest.raises(KernelError) as raised:
        launch(module.kernels["k"], 1, 32, np.zeros(32, np.float32))
    assert raised.value.problems[0].where == "part/element.cuh:4"


def test_asserts_and_barriers_name_the_line_of_a_header():
    header = "__device__ void wait(int t) {\n    if (t < 7)\n        __syncthreads();\n    assert(t < 20);\n}\n"
    code = '#include "wait.cuh"\nextern "C" __global__ void k(float* y) { wait(threadIdx.x); }'
    module = Module(build(code, mode="check", headers={"wait.cuh": header}))
    with pytest.raises(KernelError) as raised:
        launch(module.kernels["k"], 1, 32, np.zeros(32, np.float32))
    assert raised.value.problems[0].where == "wait.cuh:4"
    with pytest.raises(KernelError) as raised:
        launch(module.kernels["k"], 1, 16, np.zeros(32, np.float32))
    assert raised.value.problems[0].where == "wait.cuh:3"


# ---------------------------------------------------------------- the cache and the toolchain
def test_the_same_source_is_compiled_once(monkeypatch):
    code = 'extern "C" __global__ void k(float* y) { y[0] = 41; }'
    path = build(code)
    monkeypatch.setattr(chain, "run", lambda *_: pytest.fail("compiled again"))
    assert build(code) == path
    assert path.suffix == ".so"


def test_whatever_changes_the_result_changes_the_path():
    code = 'extern "C" __global__ void k(float* y) { y[0] = 1; }'
    paths = {
        build(code),
        build(code, "other.cu"),
        build(code, options=("-DX",)),
        build(code, mode="check"),
        build(code, headers={"a.cuh": ""}),
        build(code, options=("-ftz=true",)),
    }
    assert len(paths) == 6


def test_the_version_depends_on_the_compiler(monkeypatch, tmp_path):
    version = compiler_version()
    assert version == compiler_version()
    other = tmp_path / "other"
    other.write_text('#!/bin/sh\necho "another compiler"\n')
    other.chmod(0o755)
    monkeypatch.setenv("CUDA_ON_CPU_CXX", str(other))
    assert compiler_version() != version


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setenv("CUDA_ON_CPU_CXX", "no-such-compiler")
    with pytest.raises(BuildError, match=r"'no-such-compiler' was not found: install g\+\+ 12 or newer with binutils"):
        inline("y[0] = 17;")


def test_missing_headers_say_what_to_install(monkeypatch):
    monkeypatch.setattr(chain, "include_folder", lambda: None)
    with pytest.raises(BuildError, match=r"cuda_fp16.h was not found .* install nvidia-cuda-runtime-cu12"):
        inline("y[0] = 18;")


def test_a_cache_that_cannot_be_made_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CUDA_ON_CPU_CACHE", str(tmp_path / "file"))
    with pytest.raises(BuildError, match=r"set by CUDA_ON_CPU_CACHE, cannot be made: .*file"):
        inline("y[0] = 19;")


def test_headers_of_a_named_folder_are_used(monkeypatch):
    folder = chain.include_folders()[-1]
    monkeypatch.setenv("CUDA_ON_CPU_CUDA_INCLUDE", os.pathsep.join(["/nowhere", str(folder)]))
    assert chain.include_folders()[-2:] == [Path("/nowhere"), folder]


def test_several_processes_may_fill_one_cache(tmp_path):
    code = 'extern "C" __global__ void k(float* y) { y[0] = 1; }'
    script = f"from cuda_on_cpu import Module, build; assert Module(build({code!r})).kernels"
    environment = {**os.environ, "CUDA_ON_CPU_CACHE": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    left = sorted(path.name.split("-")[0] for path in (tmp_path / "cache").iterdir())
    assert left[1:] == ["header", "runtime"]
    assert left[0].endswith(".so")
