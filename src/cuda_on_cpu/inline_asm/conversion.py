"""cvt: a number in another type.

Rounding to nearest even is the only rounding of floats here; towards integers there are four.
"""

from __future__ import annotations

from cuda_on_cpu.inline_asm import types
from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.forms import Form
from cuda_on_cpu.inline_asm.registers import Registers
from cuda_on_cpu.inline_asm.template import Instruction

TO_INTEGERS = {"rni": "std::rint", "rzi": "std::trunc", "rmi": "std::floor", "rpi": "std::ceil"}
SINGLE = (*types.HALVES, "f32", "f64")


def convert(instruction: Instruction, registers: Registers) -> str:
    """cvt.<rounding>.<target>.<source>"""
    *modifiers, target, source = ["", *instruction.modifiers]  # without two types, the target is none
    if target in types.PAIRS:
        return pair(instruction, registers)
    if len(instruction.operands) != 2 or target not in (*types.INTEGERS, *SINGLE, "tf32"):
        raise Unsupported(f"expected a type that a single {source} is converted to, as last but one")
    read, written = instruction.operands[1], instruction.operands[0]
    if target == "tf32":
        return nearest_tf32(instruction, registers)
    required_rounding(modifiers, target, source)
    value = registers.read(read, source)
    for modifier, function in TO_INTEGERS.items():
        if modifier in modifiers:
            value = f"coc_asm::each([](auto a) {{ return {function}(a); }}, {value})"
    value = f"coc_asm::{conversion(target, source, modifiers)}<{types.CPP[target]}>({value})"
    saturated = "sat" in modifiers and target in SINGLE
    return registers.write(written, target, f"coc_asm::saturate({value})" if saturated else value)


def conversion(target: str, source: str, modifiers: list[str]) -> str:
    """The C++ function that converts."""
    if target in SINGLE:
        return "convert"
    if source in SINGLE:
        return "clamped_integer_of_float"
    return "clamped_integer" if "sat" in modifiers else "low_bits"


def required_rounding(modifiers: list[str], target: str, source: str) -> None:
    """Refuses roundings that mean another conversion than this one."""
    to_integer = set(modifiers) & set(TO_INTEGERS)
    between_floats = target in SINGLE and source in SINGLE
    if target not in SINGLE and source in SINGLE and len(to_integer) != 1:
        raise Unsupported(f"a float to an integer: expected one of the modifiers {', '.join(TO_INTEGERS)}")
    if to_integer and not (source in SINGLE and (not between_floats or target == source)):
        raise Unsupported(f"modifier .{to_integer.pop()}: not from {source} to {target}")


def nearest_tf32(instruction: Instruction, registers: Registers) -> str:
    target, value = instruction.operands
    if instruction.modifiers != ["rna", "tf32", "f32"]:
        raise Unsupported("expected cvt.rna.tf32.f32")
    return registers.write(target, "b32", f"coc_asm::nearest_tf32({registers.read(value, 'f32')})")


def pair(instruction: Instruction, registers: Registers) -> str:
    """Two floats into one register, the first of them in the upper half."""
    *_, kind, source = instruction.modifiers
    if source != "f32" or len(instruction.operands) != 3 or "sat" in instruction.modifiers:
        raise Unsupported(f"expected cvt.rn.{kind}.f32 with two floats")
    high, low = (registers.read(token, "f32") for token in instruction.operands[1:])
    return registers.write(instruction.operands[0], "b32", f"coc_asm::pair<{types.CPP[kind[:-2]]}>({low}, {high})")


MODIFIERS = " ".join(["rn", "rna", *TO_INTEGERS, "ftz", "sat", *types.INTEGERS, *SINGLE, *types.PAIRS, "tf32"])

FORMS = {"cvt": Form(convert, (2, 3), (*types.INTEGERS, *SINGLE), MODIFIERS)}
