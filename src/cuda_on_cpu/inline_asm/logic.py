"""Instructions on bits and predicates: logic, shifts, counts, comparisons and selections."""

from __future__ import annotations

from cuda_on_cpu.inline_asm import types
from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.forms import Emit, Form
from cuda_on_cpu.inline_asm.registers import Registers
from cuda_on_cpu.inline_asm.template import Instruction

WORDS = ("b16", "b32", "b64")
SHIFTED = (*WORDS, "u16", "u32", "u64", "s16", "s32", "s64")
COMPARED = (*WORDS, "u16", "u32", "u64", "s16", "s32", "s64", *types.HALVES, "f32", "f64")

# A comparison with NaN is false, with the suffix u it is true.
COMPARISONS = {
    "eq": "a == b",
    "ne": "a < b || a > b",
    "lt": "a < b",
    "le": "a <= b",
    "gt": "a > b",
    "ge": "a >= b",
    "equ": "!(a < b || a > b)",
    "neu": "!(a == b)",
    "ltu": "!(a >= b)",
    "leu": "!(a > b)",
    "gtu": "!(a <= b)",
    "geu": "!(a < b)",
    "num": "a == a && b == b",
    "nan": "a != a || b != b",
}
COMPARISONS |= {"lo": "a < b", "ls": "a <= b", "hi": "a > b", "hs": "a >= b"}  # of unsigned integers
COMBINED = {"and": "&&", "or": "||", "xor": "!="}


def bitwise(expression: str, of_predicates: str) -> Emit:
    """An expression of operands a and b; predicates have one of their own."""

    def emit(instruction: Instruction, registers: Registers) -> str:
        target, *tokens = instruction.operands
        kind = instruction.type
        values = dict(zip("ab", (registers.read(token, kind) for token in tokens), strict=False))
        return registers.write(target, kind, (of_predicates if kind == "pred" else expression).format(**values))

    return emit


def shift(instruction: Instruction, registers: Registers) -> str:
    """shl and shr; a shift by the width or more leaves zeros, or the signs of a signed number."""
    target, value, count = instruction.operands
    direction = {"shl": "left", "shr": "right"}[instruction.name]
    kind = types.unsigned(instruction.type) if direction == "left" else instruction.type
    shifted = f"coc_asm::shift_{direction}({registers.read(value, kind)}, {registers.read(count, 'u32')})"
    return registers.write(target, kind, shifted)


def funnel_shift(instruction: Instruction, registers: Registers) -> str:
    """shf: 32 of the 64 bits of two registers."""
    if len(instruction.modifiers) != 3:
        raise Unsupported("expected shf.l or shf.r, and .wrap or .clamp")
    low, high, count = (registers.read(token, "u32") for token in instruction.operands[1:])
    direction, kind = instruction.modifiers[:2]
    value = f"coc_asm::funnel_{direction}({low}, {high}, coc_asm::{kind}({count}))"
    return registers.write(instruction.operands[0], "b32", value)


def function(name: str, operand: str | None = None) -> Emit:
    """A 32-bit result of a C++ function of unsigned operands, which are as wide as the type or `operand` says."""

    def emit(instruction: Instruction, registers: Registers) -> str:
        kind = operand or types.unsigned(instruction.type)
        values = ", ".join(registers.read(token, kind) for token in instruction.operands[1:])
        return registers.write(instruction.operands[0], "b32", f"coc_asm::{name}({values})")

    return emit


def compare(instruction: Instruction, registers: Registers) -> str:
    """setp: p = a < b, or with `.and` and the like combined with a predicate; p|q gives the contrary, too."""
    comparison, *combined = instruction.modifiers[:-1]
    targets, a, b, *predicate = instruction.operands
    if comparison not in COMPARISONS or len(combined) != len(predicate):
        raise Unsupported(f"expected one comparison of {', '.join(COMPARISONS)}, then .and, .or, .xor if combined")
    values = f"{registers.read(a, instruction.type)}, {registers.read(b, instruction.type)}"
    test = f"[](auto a, auto b) {{ return {COMPARISONS[comparison]}; }}"
    found = f"const bool found = coc_asm::compare({test}, {values});"
    more = f" {COMBINED[combined[0]]} {registers.read(predicate[0], 'pred')}" if predicate else ""
    results = (f"found{more}", f"!found{more}")
    writes = [registers.write(t.strip(), "pred", r) for t, r in zip(targets.split("|"), results, strict=False)]
    return " ".join([found, *writes])


def select(instruction: Instruction, registers: Registers) -> str:
    """selp: d = p ? a : b."""
    target, a, b, predicate = instruction.operands
    kind = instruction.type
    chosen = f"{registers.read(predicate, 'pred')} ? {registers.read(a, kind)} : {registers.read(b, kind)}"
    return registers.write(target, kind, chosen)


FORMS = {
    "and": Form(bitwise("{a} & {b}", "{a} && {b}"), (3,), ("pred", *WORDS)),
    "or": Form(bitwise("{a} | {b}", "{a} || {b}"), (3,), ("pred", *WORDS)),
    "xor": Form(bitwise("{a} ^ {b}", "{a} != {b}"), (3,), ("pred", *WORDS)),
    "not": Form(bitwise("~{a}", "!{a}"), (2,), ("pred", *WORDS)),
    "shl": Form(shift, (3,), WORDS),
    "shr": Form(shift, (3,), SHIFTED),
    "shf": Form(funnel_shift, (4,), ("b32",), "l r wrap clamp"),
    "lop3": Form(function("lop3"), (5,), ("b32",)),
    "prmt": Form(function("prmt"), (4,), ("b32",)),
    "popc": Form(function("count_ones"), (2,), ("b32", "b64")),
    "clz": Form(function("count_leading_zeros"), (2,), ("b32", "b64")),
    "brev": Form(function("reversed"), (2,), ("b32",)),
    "setp": Form(compare, (3, 4), COMPARED, " ".join([*COMPARISONS, *COMBINED, "ftz"])),
    "selp": Form(select, (4,), (*SHIFTED, "f32", "f64")),
}
