"""What is read from object files and shared objects: sections, symbols, and which section refers to which."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

# The structures Elf64_Shdr, Elf64_Sym and Elf64_Rela
SECTION = np.dtype("u4, u4, u8, u8, u8, u8, u4, u4, u8, u8")
SECTION.names = "name", "type", "flags", "address", "offset", "size", "link", "info", "alignment", "entry_size"
SYMBOL = np.dtype("u4, u1, u1, u2, u8, u8")
SYMBOL.names = "name", "info", "other", "section", "value", "size"
RELOCATION = np.dtype("u8, u8, i8")
RELOCATION.names = "offset", "info", "addend"
SYMBOL_TABLE, RELOCATIONS = 2, 4  # types of sections
THREAD_LOCAL = 6  # type of a symbol


class ObjectFile:
    """A 64-bit ELF file."""

    def __init__(self, path: Path) -> None:
        self.content = path.read_bytes()
        start = int.from_bytes(self.content[40:48], "little")
        count = int.from_bytes(self.content[60:62], "little")
        self.sections = np.frombuffer(self.content, SECTION, count, start)
        table = self.sections[self.sections["type"] == SYMBOL_TABLE][0]
        self.symbols = self._entries(table, SYMBOL)
        self._names = int(self.sections[table["link"]]["offset"])

    def name(self, symbol: Any) -> str:
        start = self._names + int(symbol["name"])
        return self.content[start : self.content.index(b"\0", start)].decode()

    def thread_local(self) -> list[Any]:
        """The thread-local variables; in a shared object their values are offsets into the TLS segment."""
        chosen = (self.symbols["info"] & 15 == THREAD_LOCAL) & (self.symbols["size"] > 0)
        return list(self.symbols[chosen])

    @cached_property
    def references(self) -> dict[int, set[int]]:
        """For each section of an object file, the sections that its relocations refer to."""
        found: dict[int, set[int]] = {}
        for section in self.sections[self.sections["type"] == RELOCATIONS]:
            symbols = self.symbols[self._entries(section, RELOCATION)["info"] >> np.uint64(32)]
            found[int(section["info"])] = set(symbols["section"].tolist())
        return found

    def reachable(self, section: int) -> set[int]:
        """The sections that code and data in `section` refer to, directly or through others."""
        seen, waiting = set(), [section]
        while waiting:
            if (number := waiting.pop()) not in seen:
                seen.add(number)
                waiting += self.references.get(number, ())
        return seen

    def _entries(self, section: Any, dtype: Any) -> Any:
        return np.frombuffer(self.content, dtype, int(section["size"]) // dtype.itemsize, int(section["offset"]))
