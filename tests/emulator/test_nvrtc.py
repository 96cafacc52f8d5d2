"""NVIDIA's compiler by ctypes: what CuPy's module of the same functions gives, and what kernels need on a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nvrtc import require

from cuda_on_cpu import installation, nvrtc, ptxas

SOURCE = """
#include "width.h"
extern "C" __global__ void reversed(float* x) {
    __shared__ float s[WIDTH];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = s[WIDTH - 1 - threadIdx.x];
}
template <int N> __global__ void local(float* x, const int* places) {
    float kept[N];
    for (int i = 0; i < N; i++) kept[i] = x[i * N];
    for (int i = 0; i < N; i++) x[i] = kept[places[i]];
}
template <int N> __global__ void __launch_bounds__(1024, 2) spilling(float* x) {
    float kept[N];
#pragma unroll
    for (int i = 0; i < N; i++) kept[i] = x[i * 1024 + threadIdx.x];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < N; i++) x[i * 1024 + threadIdx.x] = kept[N - 1 - i] * kept[i * 7 % N];
}
"""
HEADER = b"#define WIDTH 100\n"
NAMES = ["local<20>", "spilling<64>"]


@contextmanager
def program(source: str = SOURCE) -> Iterator[int]:
    handle = nvrtc.createProgram(source, "kernels.cu", (HEADER,), (b"width.h",))
    try:
        yield handle
    finally:
        nvrtc.destroyProgram(handle)


@contextmanager
def compiled(*options: str) -> Iterator[int]:
    require()
    with program() as handle:
        for name in NAMES:
            nvrtc.addNameExpression(handle, name)
        nvrtc.compileProgram(handle, ["-std=c++17", *options])
        yield handle


def test_the_compiler_tells_its_version_and_architectures():
    require()
    major, minor = nvrtc.getVersion()
    assert major >= 12 and minor >= 0
    architectures = nvrtc.getSupportedArchs()
    assert {80, 90} <= set(architectures)
    assert list(architectures) == sorted(architectures)


def test_a_program_becomes_machine_code():
    with compiled("-arch=sm_80") as handle:
        cubin = nvrtc.getCUBIN(handle)
        assert cubin.startswith(b"\x7fELF")
        headers = int.from_bytes(cubin[0x20:0x28], "little")  # the program headers are the last part of the file
        assert len(cubin) == headers + 56 * int.from_bytes(cubin[0x38:0x3A], "little")


def test_a_program_becomes_assembly():
    with compiled("-arch=compute_80") as handle:
        assert b".target sm_80" in nvrtc.getPTX(handle)
        assert nvrtc.getPTX(handle).endswith(b"}\n\n")
        with pytest.raises(RuntimeError, match="sm_80, not compute_80"):
            nvrtc.getCUBIN(handle)


def test_lowered_names_are_found_in_the_machine_code():
    with compiled("-arch=sm_80") as handle:
        assert nvrtc.getLoweredName(handle, "local<20>") == "_Z5localILi20EEvPfPKi"
        assert nvrtc.getLoweredName(handle, "local<20>").encode() in nvrtc.getCUBIN(handle)
        with pytest.raises(nvrtc.NVRTCError, match="NAME_EXPRESSION_NOT_VALID") as refused:
            nvrtc.getLoweredName(handle, "local<21>")
        assert refused.value.status == 10


def test_the_log_names_the_line_of_an_error():
    require()
    with program("\nint x = nothing;") as handle:
        with pytest.raises(nvrtc.NVRTCError, match=r"NVRTC_ERROR_COMPILATION \(6\)"):
            nvrtc.compileProgram(handle, ())
        assert "kernels.cu(2): error" in nvrtc.getProgramLog(handle)
        assert "\0" not in nvrtc.getProgramLog(handle)


def test_an_unknown_option_is_refused():
    require()
    with program() as handle, pytest.raises(nvrtc.NVRTCError, match="INVALID_OPTION"):
        nvrtc.compileProgram(handle, ["--nonsense"])


def test_headers_and_their_names_are_bytes_and_as_many():
    require()
    with pytest.raises(TypeError):
        nvrtc.createProgram("", "kernels.cu", ("text",), ("name",))
    with pytest.raises(ValueError, match="1 headers, but 0 include_names"):
        nvrtc.createProgram("", "kernels.cu", (b"text",), ())


def test_resources_of_kernels():
    with compiled("-arch=sm_80", "-Xptxas=-v") as handle:
        found = nvrtc.resources(nvrtc.getProgramLog(handle))
        lowered = [nvrtc.getLoweredName(handle, name) for name in NAMES]
    assert set(found) == {"reversed", *lowered}
    local, spilling = (found[name] for name in lowered)
    assert found["reversed"].shared_bytes == 400
    assert found["reversed"].stack_bytes == found["reversed"].spill_bytes == 0
    assert local.stack_bytes == 80 and local.spill_bytes == local.shared_bytes == 0
    assert spilling.spill_bytes > 0 and spilling.registers <= 32
    assert 0 < found["reversed"].registers < 32


def test_spills_of_a_function_that_is_not_inlined_count_for_every_kernel():
    frame = "ptxas         .     {} bytes stack frame, {} bytes spill stores, {} bytes spill loads\n"
    log = (
        "ptxas info    : Compiling entry function 'first' for 'sm_80'\n"
        "ptxas info    : Function properties for first\n" + frame.format(8, 4, 4) + "ptxas info    : "
        "Used 32 registers, used 1 barriers, 400 bytes smem, 360 bytes cmem[0]\n"
        "ptxas info    : Compiling entry function 'second' for 'sm_80'\n"
        "ptxas info    : Function properties for second\n" + frame.format(0, 0, 0) + "ptxas info    : "
        "Used 20 registers, used 0 barriers, 24 bytes cumulative stack size\n"
        "ptxas info    : Function properties for called\n" + frame.format(16, 8, 12)
    )
    assert ptxas.resources(log) == {
        "first": ptxas.Resources(registers=32, stack_bytes=8, spill_bytes=28, shared_bytes=400),
        "second": ptxas.Resources(registers=20, stack_bytes=24, spill_bytes=20, shared_bytes=0),
    }
    assert ptxas.resources("") == {}
    with pytest.raises(ValueError, match="of kernel first"):
        ptxas.resources("Compiling entry function 'first' for 'sm_80'\n")


def test_the_headers_of_the_half_types_compile():
    require(headers=True)
    handle = nvrtc.createProgram("#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n", "half.cu", (), ())
    nvrtc.compileProgram(handle, [f"-I{nvrtc.include_folder()}", "-arch=compute_80"])
    nvrtc.destroyProgram(handle)


def test_a_toolkit_is_found_where_packages_are_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(installation, "packages", list)
    monkeypatch.setattr(installation, "toolkits", lambda: [tmp_path])
    assert installation.nvrtc_library() is None
    assert installation.include_folder() is None
    assert not nvrtc.is_installed()
    library, header = tmp_path / "lib64/libnvrtc.so.13", tmp_path / "include/cuda_fp16.h"
    for file in (library, library.with_name("libnvrtc.alt.so.13"), header):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert installation.nvrtc_library() == library
    assert installation.include_folder() == header.parent


def test_toolkits_are_named_by_the_environment(monkeypatch):
    monkeypatch.setenv("CUDA_PATH", "/first")
    monkeypatch.setenv("CUDA_HOME", "/second")
    assert list(installation.toolkits()) == [Path("/first"), Path("/second"), Path("/usr/local/cuda")]


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(nvrtc, "nvrtc_library", lambda: None)
    nvrtc._library.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="install nvidia-cuda-nvrtc-cu12"):
            nvrtc.getVersion()
    finally:
        nvrtc._library.cache_clear()
