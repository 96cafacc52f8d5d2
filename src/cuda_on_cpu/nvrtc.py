"""NVIDIA's compiler for CUDA C++ as a library, by ctypes: it needs neither a GPU, nor a driver, nor CuPy.

The functions are those of the module `cupy.cuda.nvrtc`, with the same arguments and results, so that either can be
handed to code that compiles.  One differs: CuPy's `getCUBIN` drops the last byte of the file, this one does not.

The library comes from NVIDIA's PyPI packages, nvidia-cuda-nvrtc-cu12 (CUDA 12) or nvidia-cuda-nvrtc (CUDA 13), or from
an installed toolkit.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from cuda_on_cpu.installation import include_folder, nvrtc_library
from cuda_on_cpu.ptxas import Resources, resources

__all__ = [
    "NVRTCError",
    "Resources",
    "addNameExpression",
    "compileProgram",
    "createProgram",
    "destroyProgram",
    "getCUBIN",
    "getLoweredName",
    "getPTX",
    "getProgramLog",
    "getSupportedArchs",
    "getVersion",
    "include_folder",
    "is_installed",
    "resources",
]


class NVRTCError(RuntimeError):
    """A call that NVRTC refused; `status` is its number.  What a compilation lacks is in `getProgramLog`."""

    def __init__(self, status: int) -> None:
        self.status = status
        error_string = _library().nvrtcGetErrorString
        error_string.restype = ctypes.c_char_p
        super().__init__(f"{error_string(status).decode()} ({status})")


def is_installed() -> bool:
    """Whether the library was found; without it every function of CuPy's module raises RuntimeError."""
    return nvrtc_library() is not None


def getVersion() -> tuple[int, int]:
    """The compiler's version, major and minor."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _call("Version", ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


def getSupportedArchs() -> tuple[int, ...]:
    """The architectures that it compiles for, in ascending order: 80 stands for sm_80 and compute_80."""
    number = ctypes.c_int()
    _call("GetNumSupportedArchs", ctypes.byref(number))
    architectures = (ctypes.c_int * number.value)()
    _call("GetSupportedArchs", architectures)
    return tuple(architectures)


def createProgram(src: str, name: str, headers: Sequence[bytes], include_names: Sequence[bytes]) -> int:
    """A program of the source `src`, which messages call `name`.

    headers: texts that the source may include without a file, each by the include_name in the same place.
    """
    if len(headers) != len(include_names):
        raise ValueError(f"createProgram: {len(headers)} headers, but {len(include_names)} include_names")
    program, texts, names = ctypes.c_void_p(), _strings(headers), _strings(include_names)
    _call("CreateProgram", ctypes.byref(program), src.encode(), name.encode(), len(headers), texts, names)
    assert program.value is not None
    return program.value


def destroyProgram(prog: int) -> None:
    """Frees what `createProgram` made."""
    _call("DestroyProgram", ctypes.byref(ctypes.c_void_p(prog)))


def compileProgram(prog: int, options: Iterable[str]) -> None:
    """Compiles; NVRTCError where that fails."""
    flags = [option.encode() for option in options]
    _call("CompileProgram", ctypes.c_void_p(prog), len(flags), _strings(flags))


def addNameExpression(prog: int, name: str) -> None:
    """Makes the compiler instantiate a template, like `"sums<float, 256>"`; before `compileProgram`."""
    _call("AddNameExpression", ctypes.c_void_p(prog), name.encode())


def getLoweredName(prog: int, name: str) -> str:
    """The mangled name of a name expression, by which the compiled kernel is found."""
    text = ctypes.c_char_p()
    _call("GetLoweredName", ctypes.c_void_p(prog), name.encode(), ctypes.byref(text))
    assert text.value is not None
    return text.value.decode()


def getProgramLog(prog: int) -> str:
    """What the compiler said: errors, warnings, and, with `-Xptxas=-v`, what `resources` reads."""
    return _output(prog, "ProgramLog").rstrip(b"\0").decode()


def getPTX(prog: int) -> bytes:
    """The assembly, as text."""
    return _output(prog, "PTX").rstrip(b"\0")


def getCUBIN(prog: int) -> bytes:
    """The machine code, an ELF file; RuntimeError unless compiled for a real architecture, `-arch=sm_80`."""
    machine_code = _output(prog, "CUBIN")
    if not machine_code:
        raise RuntimeError("there is no cubin: the option -arch must name a real architecture, sm_80, not compute_80")
    return machine_code


def _output(program: int, what: str) -> bytes:
    size = ctypes.c_size_t()
    _call(f"Get{what}Size", ctypes.c_void_p(program), ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    _call(f"Get{what}", ctypes.c_void_p(program), buffer)
    return buffer.raw


def _strings(texts: Sequence[bytes]) -> Any:
    return (ctypes.c_char_p * len(texts))(*texts)


def _call(function: str, *arguments: Any) -> None:
    status = getattr(_library(), f"nvrtc{function}")(*arguments)
    if status:
        raise NVRTCError(status)


@cache
def _library() -> ctypes.CDLL:
    path = nvrtc_library()
    if path is None:
        raise RuntimeError("NVRTC was not found: install nvidia-cuda-nvrtc-cu12, or set CUDA_PATH to a CUDA toolkit")
    return ctypes.CDLL(str(path))
