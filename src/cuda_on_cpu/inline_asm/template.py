"""The text of an asm statement, taken apart: scopes, labels, registers and instructions.

`%0` to `%n`, the operands of the statement, become `#0` to `#n`, since registers of PTX may begin with a percent sign,
too: `%tid`, which may also be written `%%tid`, becomes `%tid`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cuda_on_cpu.inline_asm.errors import Unsupported

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
LABEL = re.compile(r"([\w$%]+)\s*:(?!:)\s*")
# Braces inside of an instruction, as in {a, b}, enclose operands.
STATEMENT = re.compile(r"[^;{}]*(?:\{[^;{}]*\}[^;{}]*)*;")
INSTRUCTION = re.compile(r"(?:@(!?[\w$%#]+)\s+)?([a-z][\w.:]*)\s*(.*)")
REGISTERS = re.compile(r"\.reg\s*\.(\w+)\s+(.*)")


@dataclass(frozen=True)
class Scope:
    """An opening or closing brace."""

    brace: str


@dataclass(frozen=True)
class Label:
    name: str


@dataclass(frozen=True)
class Declaration:
    """Registers of one type, declared together."""

    type: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Instruction:
    """`@predicate opcode operands`; the opcode is `name.modifier.modifier`, the last modifier mostly the type."""

    text: str
    opcode: str
    operands: tuple[str, ...]
    predicate: str | None = None

    @property
    def name(self) -> str:
        return self.opcode.partition(".")[0]

    @property
    def modifiers(self) -> list[str]:
        return self.opcode.split(".")[1:]

    @property
    def type(self) -> str:
        return self.modifiers[-1]


Item = Scope | Label | Declaration | Instruction


def parse(template: str) -> list[Item]:
    """The items of a template in order."""
    text = " ".join(with_operands(COMMENT.sub(" ", template)).split())
    return list(items(text))


def items(text: str) -> Iterator[Item]:
    position = 0
    while position < len(text):
        if text[position] in " ;":
            position += 1
        elif text[position] in "{}":
            yield Scope(text[position])
            position += 1
        elif label := LABEL.match(text, position):
            yield Label(label[1])
            position = label.end()
        else:
            statement = STATEMENT.match(text, position)
            if statement is None:
                raise Unsupported(f"{shown(text[position:])!r}: expected an instruction that ends with a semicolon")
            yield item(statement[0].rstrip("; "))
            position = statement.end()


def item(text: str) -> Item:
    """A declaration or an instruction."""
    if declared := REGISTERS.fullmatch(text):
        return Declaration(declared[1], tuple(name for part in split(declared[2]) for name in numbered(part)))
    parts = INSTRUCTION.fullmatch(text)
    if parts is None:
        raise Unsupported(f"{shown(text)!r}: expected an instruction")
    return Instruction(text, parts[2], tuple(split(parts[3])), parts[1])


def numbered(name: str) -> list[str]:
    """`r<3>` declares r0, r1 and r2."""
    several = re.fullmatch(r"(.+)<(\d+)>", name)
    return [f"{several[1]}{i}" for i in range(int(several[2]))] if several else [name]


def with_operands(template: str) -> str:
    def replace(mark: re.Match[str]) -> str:
        operand, name = mark.groups()
        if operand is None and name is None:
            raise Unsupported(f"{mark[0]!r}: expected the number of an operand or the name of a register after %")
        return f"#{operand}" if operand else f"%{name}"

    return re.sub(r"%(?:(\d+)|%?([A-Za-z_$]\w*)|.?)", replace, template)


def shown(text: str) -> str:
    """The text as it stands in the template."""
    return text.replace("#", "%")


def split(text: str) -> list[str]:
    """The parts between commas that no bracket encloses."""
    return [part.strip() for part in re.split(r",(?![^\[{]*[\]}])", text)] if text.strip() else []
