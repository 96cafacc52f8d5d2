"""CUDA C++ through NVRTC to a cubin, the machine code of one GPU architecture.

`nvrtc` is `cupy.cuda.nvrtc` or what has its functions.  A cubin, unlike PTX, loads on every driver of its major
version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# Half of the options are for whoever reads: lines for debuggers and profilers, registers and spills in the log.
OPTIONS = ("-std=c++17", "-default-device", "-lineinfo", "-Xptxas=-v")


class KernelCompileError(RuntimeError):
    """NVRTC refused a kernel; the message is its log, with file and line."""


@dataclass(frozen=True)
class Source:
    """The text of a kernel file, and of the headers that it includes by name."""

    file: str
    text: str
    headers: tuple[tuple[str, str], ...] = ()


@contextmanager
def compiled(
    nvrtc: Any, source: Source, names: Sequence[str], architecture: str, options: Sequence[str] = ()
) -> Iterator[int]:
    """NVRTC's program with the kernels `names`, such as "layer_norm_forward<float>", for an architecture such as "90a".

    Raises KernelCompileError with the compiler's log.
    """
    texts, headers = (tuple(header[i].encode() for header in source.headers) for i in (1, 0))
    program = nvrtc.createProgram(source.text, source.file, texts, headers)
    try:
        for name in names:
            nvrtc.addNameExpression(program, name)
        try:
            nvrtc.compileProgram(program, (f"-arch=sm_{architecture}", *OPTIONS, *options))
        except nvrtc.NVRTCError as error:
            log = nvrtc.getProgramLog(program)
            raise KernelCompileError(f"{source.file} for sm_{architecture}: {error}\n{log}") from error
        yield program
    finally:
        nvrtc.destroyProgram(program)
