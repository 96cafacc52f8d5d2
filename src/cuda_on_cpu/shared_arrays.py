"""Which static shared arrays each kernel of a module has, and where they lie.

All static shared arrays of a module are thread-local variables, those in templates and in device functions as well, and
lie in one segment.  Those of one kernel are the variables that its code refers to; each function and each variable has
a section of its own, so the relocations of the object file tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cuda_on_cpu.elf import ObjectFile

# The end of the mangled name of a variable inside a function, or the whole of one outside
MANGLED = re.compile(r"(?:.*E|_ZL?)(\d+)(\w+)")


@dataclass(frozen=True)
class SharedArray:
    """A static shared array: its name in the source, and its place in the TLS segment."""

    name: str
    offset: int
    nbytes: int


def shared_symbols(file: Path, kernels: Sequence[str]) -> dict[str, list[str]]:
    """For each of the kernels that an object file has, the symbols of its shared arrays."""
    content = ObjectFile(file)
    entries = {content.name(symbol): int(symbol["section"]) for symbol in content.symbols}
    variables = [(content.name(symbol), int(symbol["section"])) for symbol in content.thread_local()]
    found = {}
    for number, kernel in enumerate(kernels):
        if (entry := entries.get(f"coc_kernel_{number}")) is not None:
            sections = content.reachable(entry)
            found[kernel] = [name for name, section in variables if section in sections]
    return found


def shared_arrays(file: Path, symbols: Mapping[str, Collection[str]]) -> dict[str, list[SharedArray]]:
    """The places that the linker gave to the shared arrays of each kernel, in ascending order."""
    content = ObjectFile(file)
    found = {content.name(symbol): symbol for symbol in content.thread_local()}
    places = {
        name: SharedArray(source_name(name), int(symbol["value"]), int(symbol["size"]))
        for name, symbol in found.items()
    }
    return {
        kernel: sorted((places[name] for name in names), key=lambda array: array.offset)
        for kernel, names in symbols.items()
    }


def source_name(mangled: str) -> str:
    if match := MANGLED.match(mangled):
        return match[2][: int(match[1])]
    return mangled
