"""The kernel files, their barriers, and the ops whose launches use them."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from checks import Case
from ops.cases import CASES

from fusegrad.backend.sources import file_text, included
from fusegrad.ops import Op

FOLDER = Path(__file__).parents[2] / "kernels"
FILES = sorted(path.name for path in FOLDER.glob("*.cu*"))
BARRIER = re.compile(r"__sync(?:threads|warp)\([^()]*\);")


@dataclass(frozen=True)
class Barrier:
    """One barrier in a kernel file."""

    file: str
    line: int
    start: int
    end: int

    def removed_from(self, text: str) -> str:
        return f"{text[: self.start]};{text[self.end :]}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def barriers() -> list[Barrier]:
    return [
        Barrier(file, text.count("\n", 0, match.start()) + 1, *match.span())
        for file in FILES
        for text in [file_text(file)]
        for match in BARRIER.finditer(text)
        if not commented(text, match.start())
    ]


def commented(text: str, place: int) -> bool:
    return "//" in text[text.rfind("\n", 0, place) + 1 : place]


def users(file: str) -> list[str]:
    """The .cu files that a file is part of, itself or what includes it."""
    return [name for name in FILES if name.endswith(".cu") and file in parts(name)]


def parts(file: str) -> set[str]:
    """A file and all that it includes of the package."""
    found, waiting = set(), [file]
    while waiting:
        name = waiting.pop()
        if name not in found and name in FILES:
            found.add(name)
            waiting += included(file_text(name))
    return found


def cases_of(file: str) -> Iterator[tuple[Op, Case]]:
    """The cases of all ops that launch a kernel of a .cu file: those whose module names it, or uses one that does."""
    for op, cases in CASES.items():
        if launches(sys.modules[op.__module__], file):
            yield from ((op, case) for case in cases)


def launches(module: object, file: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a module names the file, or one that it imports does, also in a function."""
    text = inspect.getsource(module)
    if f'"{file}"' in text:
        return True
    imported = set(imports(text)) - seen
    near = sorted(name for name in imported if name.startswith(("fusegrad.ops.", "fusegrad.backend.random")))
    return any(launches(import_module(name), file, seen | imported) for name in near)


def imports(text: str) -> Iterator[str]:
    """The modules that a text imports from below `fusegrad.ops` and `fusegrad.backend`."""
    for package, names in re.findall(r"from (fusegrad\.(?:ops|backend)\.[\w.]+) import ([\w, ]+)", text):
        items = (f"{package}.{item}" for item in names.split(", "))
        yield from (package, *(item for item in items if item in sys.modules))


def dtype_for(file: str) -> str:
    """What cases are run in, so that they launch the kernels of a .cu file: tensor cores have none of float32."""
    return "float16" if any("// Needs: sm_" in file_text(part) for part in parts(file)) else "float32"
