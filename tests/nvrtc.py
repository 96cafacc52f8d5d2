"""CUDA text through NVIDIA's compiler, which needs neither a GPU nor a driver."""

from __future__ import annotations

import pytest

from cuda_on_cpu import nvrtc


def ptx(source: str, *options: str, architecture: str = "compute_80") -> str:
    """The assembly of a source; AssertionError with the compiler's log where it does not compile, warnings included."""
    include = [f"--include-path={folder}"] if (folder := nvrtc.include_folder()) else []
    program = nvrtc.createProgram(source, "test.cu", (), ())
    try:
        nvrtc.compileProgram(program, [f"--gpu-architecture={architecture}", "--std=c++17", *include, *options])
        assert not nvrtc.getProgramLog(program).strip(), f"{nvrtc.getProgramLog(program)}\n{source}"
        return nvrtc.getPTX(program).decode()
    except nvrtc.NVRTCError:
        raise AssertionError(f"{nvrtc.getProgramLog(program)}\n{source}") from None
    finally:
        nvrtc.destroyProgram(program)


def require(headers: bool = False) -> None:
    """Skip the calling test where the compiler is missing, or the headers that it asks for."""
    if not nvrtc.is_installed():
        pytest.skip("NVRTC is not installed")
    if headers and nvrtc.include_folder() is None:
        pytest.skip("the headers of the CUDA runtime are not installed")
