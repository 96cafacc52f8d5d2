"""What stands between this machine and the cuda backend."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from fusegrad.backend.cuda import cupy_module


class BackendUnavailable(RuntimeError):
    """A backend was asked for that this machine cannot run; the message says what is missing and what to do."""


def has_gpu() -> bool:
    """Whether CuPy is installed and sees a GPU."""
    try:
        return bool(cupy_module().cuda.is_available())
    except ImportError:
        return False


def obstacles() -> list[str]:
    """What keeps the cuda backend from running here, each with its remedy; empty where nothing does."""
    driver = driver_version()
    found = [] if driver else ["no NVIDIA driver was found: install the one for your GPU"]
    try:
        cupy = cupy_module()
    except ModuleNotFoundError:
        return [*found, f'CuPy is not installed: pip install "fusegrad[{cuda_extra()}]"']
    except ImportError as error:
        return [*found, f"CuPy cannot be imported: {first_line(error)}"]
    if cupy.cuda.is_available():
        found = []
    elif driver:
        found = [why_no_device(cupy, driver)]
    lost = [name for name, load in LIBRARIES.items() if not loads(load, cupy)]
    if lost:
        found.append(f'cannot load {", ".join(lost)}: pip install "fusegrad[{cuda_extra(cupy)}]"')
    return found


def driver_version() -> int | None:
    """The CUDA version of the NVIDIA driver, 12040 for 12.4; None without a driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    version = ctypes.c_int()
    failed = driver.cuDriverGetVersion(ctypes.byref(version))  # the toolkit's stub of the driver always fails
    return None if failed else version.value


def cuda_extra(cupy: Any = None) -> str:
    """The extra for the CUDA version that CuPy was built for; without CuPy, for the one that the driver supports."""
    version = cupy.cuda.runtime.runtimeGetVersion() if cupy else driver_version()
    return "cuda13" if (version or 0) >= 13000 else "cuda12"


def why_no_device(cupy: Any, driver: int) -> str:
    built_for = cupy.cuda.runtime.runtimeGetVersion()
    if driver // 1000 < built_for // 1000:
        return f"the driver supports CUDA {spell(driver)}, CuPy needs {spell(built_for)}: update the driver"
    try:
        reason = f"{cupy.cuda.runtime.getDeviceCount()} devices"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        reason = first_line(error)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hint = "" if visible is None else f' (CUDA_VISIBLE_DEVICES is "{visible}")'
    return f"the driver offers no GPU: {reason}{hint}"


def spell(version: int) -> str:
    """12.4 for 12040."""
    return f"{version // 1000}.{version % 1000 // 10}"


def loads(load: Callable[[Any], object], cupy: Any) -> bool:
    try:
        return load(cupy) is not None
    except (AttributeError, ImportError, RuntimeError):  # CuPy and its finder of libraries raise one of these
        return False


def cuda_headers(cupy: Any) -> Any:
    return import_module("cuda.pathfinder").find_nvidia_header_directory("cudart")  # as CuPy looks for them


LIBRARIES: dict[str, Callable[[Any], object]] = {
    "NVRTC": lambda cupy: cupy.cuda.nvrtc.getVersion(),
    "cuBLAS": lambda cupy: cupy.cuda.cublas.getVersion,
    "the CUDA headers": cuda_headers,
}


def first_line(error: Exception) -> str:
    """The first line of the message that is not a rule."""
    return next((line.strip() for line in str(error).splitlines() if line.strip(" =")), type(error).__name__)
