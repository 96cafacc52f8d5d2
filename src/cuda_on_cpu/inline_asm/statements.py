"""The asm statements of C++ source: where they stand, and their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cuda_on_cpu.inline_asm.errors import Unsupported

PASSED = r"""//[^\n]*|/\*.*?\*/|"(?:[^"\\]|\\.)*"|'(?:[^'\\\n]|\\.)+'"""  # comments and strings
KEYWORD = re.compile(rf"{PASSED}|(?P<asm>\b(?:asm|__asm__)\b)\s*(?:volatile\b|__volatile__\b)?\s*(?P<open>\(?)", re.S)
TOKEN = re.compile(rf"{PASSED}|.", re.S)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\n": "", '"': '"', "'": "'", "\\": "\\"}


@dataclass(frozen=True)
class Statement:
    """`asm(template : outputs : inputs : clobbers)`, without the semicolon after it."""

    end: int
    template: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]


def starts(code: str) -> Iterator[int]:
    """Offsets of the keyword asm, outside comments and strings."""
    for match in KEYWORD.finditer(code):
        if match["asm"]:
            yield match.start()


def statement(code: str, start: int) -> Statement:
    """The statement that begins with the keyword at `start`."""
    keyword = KEYWORD.match(code, start)
    if keyword is None or not keyword["open"]:
        raise Unsupported("expected an opening bracket after asm, or after asm volatile")
    sections, end = bracketed(code, keyword.end())
    if len(sections) > 4:
        raise Unsupported(f"{len(sections)} sections, expected template : outputs : inputs : clobbers")
    template, outputs, inputs, _ = [*sections, *[[""]] * 3][:4]
    return Statement(end, value(",".join(template)), filled(outputs), filled(inputs))


def bracketed(code: str, position: int) -> tuple[list[list[str]], int]:
    """What stands up to the closing bracket, split at colons, and these parts at commas; and the offset after it."""
    sections, depth = [[""]], 0
    for match in TOKEN.finditer(code, position):
        token = match[0]
        if token == ")" and depth == 0:
            return sections, match.end()
        depth += (token in ("(", "[", "{")) - (token in (")", "]", "}"))
        if token == ":" and depth == 0:
            sections.append([""])
        elif token == "," and depth == 0:
            sections[-1].append("")
        elif not token.startswith(("//", "/*")):
            sections[-1][-1] += token
    raise Unsupported("expected a closing bracket")


def filled(parts: list[str]) -> tuple[str, ...]:
    """The operands of a section; none where it is empty."""
    texts = tuple(part.replace("\\\n", " ").strip() for part in parts)
    return () if texts == ("",) else texts


def value(literals: str) -> str:
    """The text of adjacent string literals."""
    rest = STRING.sub("", literals).replace("\\\n", "").strip()
    if rest:
        raise Unsupported(f"template {rest!r}: expected string literals alone")
    return re.sub(r"\\(.)", unescaped, "".join(STRING.findall(literals)), flags=re.S)


def unescaped(escape: re.Match[str]) -> str:
    if escape[1] not in ESCAPES:
        raise Unsupported(f"escape {escape[0]!r} in the template")
    return ESCAPES[escape[1]]
