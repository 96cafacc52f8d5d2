"""`cuda.nvrtc` and `RawModule` of the stand-in: types and errors are those of CuPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuda_on_cpu import StandIn
from cuda_on_cpu.stand_in import compiler

SCALE = """
#include "factor.cuh"
template <class T> __global__ void __launch_bounds__(64) scale(const T* x, T* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = factor * x[i];
}
"""
FACTOR = b"constexpr int factor = 3;"


@pytest.fixture
def cp() -> StandIn:
    return StandIn()


@pytest.fixture
def nvrtc(cp: StandIn) -> Any:
    return cp.cuda.nvrtc


def compiled(nvrtc: Any, *names: str, source: str = SCALE, options: Any = ("-arch=sm_80",)) -> int:
    program: int = nvrtc.createProgram(source, "scale.cu", (FACTOR,), (b"factor.cuh",))
    for name in names:
        nvrtc.addNameExpression(program, name)
    nvrtc.compileProgram(program, options)
    return program


def test_a_binary_is_compiled_saved_and_run(cp: StandIn, nvrtc: Any, tmp_path: Path) -> None:
    program = compiled(nvrtc, "scale<float>", "scale<int>")
    file = tmp_path / "scale.cubin"
    file.write_bytes(nvrtc.getCUBIN(program) + b"\0")
    name = nvrtc.getLoweredName(program, "scale<int>")
    nvrtc.destroyProgram(program)
    kernel = cp.RawModule(path=str(file)).get_function(name)
    x, y = cp.arange(100, dtype="int32"), cp.empty(100, "int32")
    kernel((2,), (64,), (x, y, np.int32(100)))
    np.testing.assert_array_equal(y.get(), 3 * np.arange(100))
    assert kernel.max_threads_per_block == 64


def test_errors_of_the_source_are_in_the_log(nvrtc: Any) -> None:
    program = nvrtc.createProgram("__global__ void f() {\n    oops;\n}", "f.cu", (), ())
    with pytest.raises(nvrtc.NVRTCError, match=r"NVRTC_ERROR_COMPILATION \(6\)") as error:
        nvrtc.compileProgram(program, ("-arch=sm_80",))
    assert error.value.status == 6
    assert "f.cu:2" in nvrtc.getProgramLog(program) and "oops" in nvrtc.getProgramLog(program)
    with pytest.raises(nvrtc.NVRTCError, match="INVALID"):
        nvrtc.getCUBIN(program)


def test_a_kernel_that_does_not_exist_is_an_error(cp: StandIn, nvrtc: Any) -> None:
    with pytest.raises(nvrtc.NVRTCError):
        compiled(nvrtc, "shrink<float>")
    with pytest.raises(nvrtc.NVRTCError, match="NAME_EXPRESSION"):
        nvrtc.getLoweredName(compiled(nvrtc, "scale<float>"), "scale<int>")
    with pytest.raises(RuntimeError, match="named symbol not found: shrink"):
        cp.RawModule(code="__global__ void grow(int* x) { *x = 1; }").get_function("shrink")


def test_text_is_str_and_headers_are_bytes_as_in_cupy(nvrtc: Any) -> None:
    with pytest.raises(TypeError, match="expected bytes, str found"):
        nvrtc.createProgram(SCALE, "scale.cu", ("int x;",), ("x.cuh",))
    with pytest.raises(TypeError, match="expected str, bytes found"):
        nvrtc.createProgram(SCALE.encode(), "scale.cu", (), ())
    with pytest.raises(TypeError, match="expected str, bytes found"):
        nvrtc.addNameExpression(nvrtc.createProgram(SCALE, "scale.cu", (), ()), b"scale<int>")
    with pytest.raises(TypeError, match="expected str, bytes found"):
        compiled(nvrtc, "scale<int>", options=(b"-arch=sm_80",))


def test_a_destroyed_program_is_no_program(nvrtc: Any) -> None:
    program = nvrtc.createProgram(SCALE, "scale.cu", (), ())
    nvrtc.destroyProgram(program)
    with pytest.raises(nvrtc.NVRTCError, match="INVALID_PROGRAM"):
        nvrtc.getProgramLog(program)


def test_the_version_tells_the_modes_apart() -> None:
    versions = [StandIn(mode=mode).cuda.nvrtc.getVersion() for mode in ("check", "fast")]
    assert versions[0][:2] == versions[1][:2] == (12, 9)
    assert versions[0] != versions[1]


def test_the_version_tells_translators_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    before = StandIn().cuda.nvrtc.getVersion()
    monkeypatch.setattr(compiler, "translator_version", lambda: "another")
    assert StandIn().cuda.nvrtc.getVersion() != before


def test_a_binary_of_another_mode_is_refused(nvrtc: Any, tmp_path: Path) -> None:
    file = tmp_path / "scale.cubin"
    file.write_bytes(nvrtc.getCUBIN(compiled(nvrtc, "scale<int>")))
    with pytest.raises(RuntimeError, match="a module of check mode cannot run in fast mode"):
        StandIn(mode="fast").RawModule(path=str(file)).get_function("scale<int>")


def test_code_is_compiled_with_options_for_the_architecture_of_the_device() -> None:
    code = "__global__ void tell(int* x) { x[0] = __CUDA_ARCH__; x[1] = SIZE; }"
    for architecture in ("75", "90"):
        cp = StandIn(architecture=architecture)
        x = cp.empty(2, "int32")
        cp.RawModule(code=code, options=("-DSIZE=5",)).get_function("tell")((1,), (1,), (x,))
        assert x.get().tolist() == [10 * int(architecture), 5]


def test_raw_module_wants_a_source_and_a_tuple_of_options(cp: StandIn) -> None:
    with pytest.raises(TypeError, match="either code or path"):
        cp.RawModule()
    with pytest.raises(TypeError, match="tuple of str, got list"):
        cp.RawModule(code="", options=["-DX"])


def test_what_is_set_on_a_kernel_stays_in_its_module(cp: StandIn) -> None:
    module = cp.RawModule(code="__global__ void put(int* x) { *x = 1; }")
    module.get_function("put").max_dynamic_shared_size_bytes = 100_000
    assert module.get_function("put").max_dynamic_shared_size_bytes == 100_000


def test_cupy_has_no_folders_of_headers_here(cp: StandIn) -> None:
    assert cp._core.core.assemble_cupy_compiler_options(("-DX",)) == ("-DX",)
