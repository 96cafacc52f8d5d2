"""NVIDIA's compiler, for those who want only its verdict: CuPy's binding to it, or one that needs no CuPy."""

from __future__ import annotations

from typing import Any

from fusegrad.backend.cuda import cupy_module
from fusegrad.errors import MissingExtra


def compiler() -> tuple[Any, tuple[str, ...]]:
    """A module with the functions of `cupy.cuda.nvrtc`, and the options by which it finds the headers of CUDA.

    Raises MissingExtra where neither the compiler nor the headers are installed.
    """
    try:
        cupy = cupy_module()
        cupy.cuda.nvrtc.getVersion()
        return cupy.cuda.nvrtc, tuple(cupy._core.core.assemble_cupy_compiler_options(()))
    except (ImportError, RuntimeError):  # CuPy is missing, or what it loads
        return without_cupy()


def without_cupy() -> tuple[Any, tuple[str, ...]]:
    from cuda_on_cpu import nvrtc

    folder = nvrtc.include_folder()
    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        raise MissingExtra(f'{error}; pip install "fusegrad[emulated]"') from error
    if folder is None:
        raise MissingExtra('the headers of CUDA are missing: pip install "fusegrad[emulated]"')
    return nvrtc, (f"-I{folder}",)
