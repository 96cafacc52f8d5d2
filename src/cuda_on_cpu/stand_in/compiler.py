"""`cupy.cuda.nvrtc`: kernels are compiled by the host compiler, and a "cubin" is a shared object of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from cuda_on_cpu.build import build
from cuda_on_cpu.inline_asm import Unsupported
from cuda_on_cpu.toolchain import BuildError, compiler_version, translator_version

NOT_COMPILED, INVALID_PROGRAM, COMPILATION, NAME_EXPRESSION_NOT_VALID = 3, 4, 6, 10
ERRORS = {
    COMPILATION: "NVRTC_ERROR_COMPILATION",
    INVALID_PROGRAM: "NVRTC_ERROR_INVALID_PROGRAM",
    NAME_EXPRESSION_NOT_VALID: "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID",
    NOT_COMPILED: "NVRTC_ERROR_INVALID_INPUT",
}


class NVRTCError(RuntimeError):
    """A failure of the compiler; the log of the program says more."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"{ERRORS[status]} ({status})")


@dataclass
class Program:
    """A source and what became of it."""

    source: str
    name: str
    headers: dict[str, str]
    names: list[str] = field(default_factory=list)
    log: str = ""
    binary: bytes | None = None


class Compiler:
    """The functions of `cupy.cuda.nvrtc`; types are checked as there: text in str, headers in bytes."""

    NVRTCError = NVRTCError

    def __init__(self, stand_in: Any) -> None:
        self.stand_in = stand_in
        self._programs: dict[int, Program] = {}
        self._handles = count(1)

    def getVersion(self) -> tuple[int | str, ...]:
        """Begins with the version that is pretended; the rest tells binaries of other modes and compilers apart."""
        return (12, 9, self.stand_in.mode, compiler_version(), translator_version())

    def createProgram(self, src: str, name: str, headers: Sequence[bytes], include_names: Sequence[bytes]) -> int:
        require_types(str, src, name)
        require_types(bytes, *headers, *include_names)
        texts = [text.decode() for text in headers]
        included = dict(zip((file.decode() for file in include_names), texts, strict=True))
        handle = next(self._handles)
        self._programs[handle] = Program(src, name, included)
        return handle

    def addNameExpression(self, prog: int, name: str) -> None:
        require_types(str, name)
        self._program(prog).names.append(name)

    def compileProgram(self, prog: int, options: Sequence[str]) -> None:
        """Raises NVRTCError; the messages of the host compiler are in the log."""
        require_types(str, *options)
        program = self._program(prog)
        try:
            file = build(program.source, program.name, options, program.names, self.stand_in.mode, program.headers)
        except (BuildError, Unsupported) as error:
            program.log = str(error)
            raise NVRTCError(COMPILATION) from error
        program.binary = file.read_bytes()

    def getLoweredName(self, prog: int, name: str) -> str:
        """The name expression itself, by which modules of the stand-in know their kernels."""
        if name not in self._program(prog).names:
            raise NVRTCError(NAME_EXPRESSION_NOT_VALID)
        return name

    def getCUBIN(self, prog: int) -> bytes:
        binary = self._program(prog).binary
        if binary is None:
            raise NVRTCError(NOT_COMPILED)
        return binary

    def getProgramLog(self, prog: int) -> str:
        return self._program(prog).log

    def destroyProgram(self, prog: int) -> None:
        self._program(prog)
        del self._programs[prog]

    def _program(self, handle: int) -> Program:
        if handle not in self._programs:
            raise NVRTCError(INVALID_PROGRAM)
        return self._programs[handle]


def require_types(kind: type, *values: Any) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"expected {kind.__name__}, {type(value).__name__} found")
