"""Instructions that compute with numbers: C++ expressions of their operands a, b and c.

`coc_asm::each` computes them in float for the half types and rounds once, which gives what the hardware gives.
"""

from __future__ import annotations

from cuda_on_cpu.inline_asm import types
from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.forms import Emit, Form, one_of
from cuda_on_cpu.inline_asm.registers import Registers
from cuda_on_cpu.inline_asm.template import Instruction

WORDS = ("u16", "u32", "u64", "s16", "s32", "s64")
SIGNED_WORDS = ("s16", "s32", "s64")
PRODUCTS = {"lo": "lo", "hi": "hi", "wide": "wide_product"}
ROUNDED = "rn ftz sat"
APPROXIMATED = ("f32", *types.HALVES, *types.PAIRS)


def formula(expression: str) -> Emit:
    """An instruction whose result is an expression of its operands a, b and c."""

    def emit(instruction: Instruction, registers: Registers) -> str:
        return computed(expression, instruction.type, instruction, registers)

    return emit


def modular(expression: str) -> Emit:
    """Likewise, where integers wrap around: signed ones would overflow in C++."""

    def emit(instruction: Instruction, registers: Registers) -> str:
        kind = types.unsigned(instruction.type) if instruction.type in SIGNED_WORDS else instruction.type
        return computed(expression, kind, instruction, registers)

    return emit


def computed(expression: str, kind: str, instruction: Instruction, registers: Registers) -> str:
    values = [registers.read(token, kind) for token in instruction.operands[1:]]
    parameters = ", ".join(f"auto {letter}" for letter in "abc"[: len(values)])
    value = f"coc_asm::each([]({parameters}) {{ return {expression}; }}, {', '.join(values)})"
    return registers.write(instruction.operands[0], kind, finished(instruction, value))


def finished(instruction: Instruction, value: str) -> str:
    """The value, rounded where `.rn` forbids to fuse it with another operation, and saturated where `.sat` asks."""
    if "rn" in instruction.modifiers and instruction.type in ("f32", "f64"):
        value = f"coc_asm::rounded({value})"
    if "sat" not in instruction.modifiers:
        return value
    if instruction.type not in types.FLOATS:
        raise Unsupported("modifier .sat: known for floats only")
    return f"coc_asm::saturate({value})"


def multiply(instruction: Instruction, registers: Registers) -> str:
    """mul and mad: d = a b + c; of the product of integers the lower half, the upper half, or all of it."""
    if instruction.type in types.FLOATS:
        return formula("a * b")(instruction, registers)
    part, kind = one_of(instruction, "lo hi wide"), instruction.type
    target, a, b, *c = instruction.operands
    result = types.wide(kind) if part == "wide" else kind
    if result not in types.CPP:
        raise Unsupported(f"modifier .wide: not of {kind}")
    added = registers.read(c[0], types.unsigned(result)) if c else "0"
    product = f"coc_asm::{PRODUCTS[part]}({registers.read(a, kind)}, {registers.read(b, kind)})"
    return registers.write(target, types.unsigned(result), f"({types.CPP[types.unsigned(result)]}){product} + {added}")


def multiply_add(instruction: Instruction, registers: Registers) -> str:
    floats = instruction.type in types.FLOATS
    return fuse(instruction, registers) if floats else multiply(instruction, registers)


def fuse(instruction: Instruction, registers: Registers) -> str:
    """fma: d = a b + c, rounded once."""
    target, *tokens = instruction.operands
    values = ", ".join(registers.read(token, instruction.type) for token in tokens)
    return registers.write(target, instruction.type, finished(instruction, f"coc_asm::fused({values})"))


def smaller_or_larger(name: str) -> Emit:
    """min and max: of floats the one that is a number, unless `.NaN` asks for NaN."""

    def emit(instruction: Instruction, registers: Registers) -> str:
        suffix = "_or_nan" if "NaN" in instruction.modifiers else ""
        return formula(f"coc_asm::{name}{suffix}(a, b)")(instruction, registers)

    return emit


FORMS = {
    "add": Form(modular("a + b"), (3,), (*WORDS, *types.FLOATS), ROUNDED),
    "sub": Form(modular("a - b"), (3,), (*WORDS, *types.FLOATS), ROUNDED),
    "mul": Form(multiply, (3,), (*WORDS, *types.FLOATS), f"{ROUNDED} lo hi wide"),
    "mad": Form(multiply_add, (4,), (*WORDS, "f32", "f64"), f"{ROUNDED} lo hi wide"),
    "fma": Form(fuse, (4,), types.FLOATS, ROUNDED),
    "div": Form(formula("a / b"), (3,), ("f32", "f64"), "rn ftz full approx"),
    "neg": Form(modular("-a"), (2,), (*SIGNED_WORDS, *types.FLOATS), "ftz"),
    "abs": Form(formula("coc_asm::absolute(a)"), (2,), (*SIGNED_WORDS, *types.FLOATS), "ftz"),
    "rcp": Form(formula("1 / a"), (2,), ("f32", "f64"), "rn ftz approx"),
    "sqrt": Form(formula("std::sqrt(a)"), (2,), ("f32", "f64"), "rn ftz approx"),
    "rsqrt": Form(formula("1 / std::sqrt(a)"), (2,), ("f32", "f64"), "ftz approx"),
    "ex2": Form(formula("std::exp2(a)"), (2,), APPROXIMATED, "ftz approx"),
    "lg2": Form(formula("std::log2(a)"), (2,), ("f32",), "ftz approx"),
    "sin": Form(formula("std::sin(a)"), (2,), ("f32",), "ftz approx"),
    "cos": Form(formula("std::cos(a)"), (2,), ("f32",), "ftz approx"),
    "tanh": Form(formula("std::tanh(a)"), (2,), APPROXIMATED, "approx"),
    "min": Form(smaller_or_larger("smaller"), (3,), (*WORDS, *types.FLOATS), "ftz NaN"),
    "max": Form(smaller_or_larger("larger"), (3,), (*WORDS, *types.FLOATS), "ftz NaN"),
}
