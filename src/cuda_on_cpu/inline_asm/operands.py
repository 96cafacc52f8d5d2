"""Operands of asm statements: `"=r"(x)`, with the constraint letter that says in which register x is passed.

They become C++ variables, which the instructions read and write.  References keep the expressions of outputs, so that
each is evaluated once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cuda_on_cpu.inline_asm.errors import Unsupported

REGISTERS = {"r": "uint32_t", "l": "uint64_t", "f": "float", "d": "double", "h": "uint16_t"}
CONSTANT = "n"
OPERAND = re.compile(r'"([^"]*)"\s*\((.*)\)', re.DOTALL)


@dataclass(frozen=True)
class Operand:
    """`access` is "=" for an output, "+" for one that is read as well, "" for an input."""

    access: str
    letter: str
    expression: str

    def before(self, index: int) -> str:
        """Declarations that go before the instructions."""
        name = variable(index)
        if self.letter == CONSTANT:
            return f"constexpr int64_t {name} = {self.expression};"
        kind = REGISTERS[self.letter]
        if not self.access:
            return f"{kind} {name} = coc_asm::read_input<{kind}>({self.expression});"
        value = f"coc_asm::read<{kind}>({target(index)})" if self.access == "+" else f"coc_asm::poison<{kind}>()"
        return f"auto& {target(index)} = {self.expression}; {kind} {name} = {value};"

    def after(self, index: int) -> str:
        """What hands the result of an output back to its expression."""
        if not self.access:
            return ""
        return f"coc_asm::write<{REGISTERS[self.letter]}>({target(index)}, {variable(index)});"


def variable(index: int) -> str:
    return f"asm_operand{index}"


def target(index: int) -> str:
    return f"asm_target{index}"


def parse_output(text: str) -> Operand:
    operand = parse(text)
    if not operand.access:
        raise Unsupported(f"output {text!r}: expected a constraint that begins with = or +")
    return operand


def parse_input(text: str) -> Operand:
    operand = parse(text)
    if operand.access:
        raise Unsupported(f"input {text!r}: expected a constraint without {operand.access!r}")
    return operand


def parse(text: str) -> Operand:
    parts = OPERAND.fullmatch(text)
    if parts is None:
        raise Unsupported(f'operand {text!r}: expected "constraint"(expression)')
    constraint, expression = parts[1], parts[2].strip()
    access, letter = re.fullmatch(r"([=+]?)&?(.*)", constraint, re.DOTALL).groups()  # type: ignore[union-attr]
    if letter not in (*REGISTERS, CONSTANT) or (letter == CONSTANT and access):
        raise Unsupported(f"constraint {constraint!r}: expected one of {', '.join(REGISTERS)}, n, after = or + if any")
    return Operand(access, letter, expression)
