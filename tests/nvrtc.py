"""NVIDIA's compiler for CUDA C++ as a library, from its PyPI package, by ctypes: it needs neither a GPU nor a driver.

With CUDA 12 that is nvidia-cuda-nvrtc-cu12, and nvidia-cuda-runtime-cu12 for the headers of the half types; with
CUDA 13 nvidia-cuda-nvrtc and nvidia-cuda-runtime, which share the folder nvidia/cu13.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

LIBRARIES = ("cuda_nvrtc/lib/libnvrtc.so.*", "cu13/lib/libnvrtc.so.*")
HEADERS = ("cuda_runtime/include/cuda_fp16.h", "cu13/include/cuda_fp16.h")


def ptx(source: str, *options: str, architecture: str = "compute_80") -> str:
    """The assembly of a source; AssertionError with the compiler's log where it does not compile, warnings included."""
    library, program = nvrtc(), ctypes.c_void_p()
    include = [f"--include-path={file.parent}" for file in installed(*HEADERS)][:1]
    flags = [flag.encode() for flag in (f"--gpu-architecture={architecture}", "--std=c++17", *include, *options)]
    assert library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"test.cu", 0, None, None) == 0
    try:
        failed = library.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
        log = fetched(library, program, "ProgramLog")
        assert not failed and not log.strip(), f"{log}\n{source}"
        return fetched(library, program, "PTX")
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def require(headers: bool = False) -> None:
    """Skip the calling test where the compiler is missing, or the headers that it asks for."""
    if nvrtc() is None:
        pytest.skip("NVRTC is not installed")
    if headers and not list(installed(*HEADERS)):
        pytest.skip("the headers of the CUDA runtime are not installed")


@cache
def nvrtc() -> ctypes.CDLL | None:
    """The library, or None where it is not installed."""
    found = [file for file in installed(*LIBRARIES) if ".alt." not in file.name]
    return ctypes.CDLL(str(found[0])) if found else None


def installed(*patterns: str) -> Iterator[Path]:
    """Files below the folder `nvidia` of every place that packages are installed in."""
    spec = find_spec("nvidia")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for pattern in patterns:
            yield from sorted(Path(folder).glob(pattern))


def fetched(library: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> str:
    size = ctypes.c_size_t()
    assert getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)) == 0
    text = ctypes.create_string_buffer(size.value)
    assert getattr(library, f"nvrtcGet{what}")(program, text) == 0
    return text.value.decode()
