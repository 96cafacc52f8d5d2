"""How an instruction is turned into C++, and which types and modifiers of it are: whatever else is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.registers import Registers
from cuda_on_cpu.inline_asm.template import Instruction

Emit = Callable[[Instruction, Registers], str]


@dataclass(frozen=True)
class Form:
    """`types` are those that the last modifier can be; without any, all modifiers are in `modifiers`.

    counts: numbers of operands that the instruction can have.
    """

    emit: Emit
    counts: tuple[int, ...]
    types: tuple[str, ...] = ()
    modifiers: str = ""

    def cpp(self, instruction: Instruction, registers: Registers) -> str:
        """The C++ of an instruction; Unsupported where it differs from the form."""
        given = instruction.modifiers
        if self.types:
            if not given or given[-1] not in self.types:
                raise Unsupported(f"expected one of the types {', '.join(self.types)} at the end of the opcode")
            given = given[:-1]
        known = self.modifiers.split()
        if unknown := [modifier for modifier in given if modifier not in known]:
            raise Unsupported(f"modifier .{unknown[0]}: known are {', '.join(known) or 'none'}")
        if len(instruction.operands) not in self.counts:
            wanted = " or ".join(map(str, self.counts))
            raise Unsupported(f"{len(instruction.operands)} operands, expected {wanted}")
        return self.emit(instruction, registers)


def one_of(instruction: Instruction, choices: str) -> str:
    """The single modifier of the instruction that is among these."""
    found = [modifier for modifier in instruction.modifiers if modifier in choices.split()]
    if len(found) != 1:
        raise Unsupported(f"expected one of the modifiers {', '.join(choices.split())}")
    return found[0]
