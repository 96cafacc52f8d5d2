"""Instructions of control, of barriers, and those that the lanes of a warp execute together."""

from __future__ import annotations

from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.forms import Emit, Form, one_of
from cuda_on_cpu.inline_asm.registers import Registers
from cuda_on_cpu.inline_asm.template import Instruction


def plain(statement: str) -> Emit:
    """An instruction that is one C++ statement whatever its operands are."""

    def emit(instruction: Instruction, registers: Registers) -> str:
        return statement

    return emit


def branch(instruction: Instruction, registers: Registers) -> str:
    return f"goto {registers.label(instruction.operands[0])};"


def barrier(instruction: Instruction, registers: Registers) -> str:
    """bar.sync of the whole block, and bar.warp.sync of the lanes in a mask."""
    if "sync" not in instruction.modifiers:
        raise Unsupported("expected bar.sync")
    operand = instruction.operands[0]
    if "warp" in instruction.modifiers:
        return f"__syncwarp({registers.read(operand, 'u32')}, __LINE__);"
    return f"coc_barrier({registers.read(operand, 's32')}, __LINE__, 0, nullptr);"


def shuffle(instruction: Instruction, registers: Registers) -> str:
    """shfl.sync: another lane's value, and a predicate which says whether that lane is in the segment."""
    targets, value, lane, clamp, mask = instruction.operands
    way = one_of(instruction, "up down bfly idx")
    names = [name.strip() for name in targets.split("|")]
    unsigned = [registers.read(token, "u32") for token in (lane, clamp)]
    source = f"bool inside; const int source = coc_asm::source_{way}({', '.join(unsigned)}, inside);"
    arguments = f"{registers.read(mask, 'u32')}, {registers.read(value, 'b32')}, source, __LINE__"
    shuffled = f"const uint32_t shuffled = coc::shuffle<uint32_t>({arguments});"
    results = (("b32", "shuffled"), ("pred", "inside"))
    writes = [registers.write(name, *result) for name, result in zip(names, results, strict=False)]
    return " ".join([source, shuffled, *writes])


def vote(instruction: Instruction, registers: Registers) -> str:
    target, value, mask = instruction.operands
    way, kind = one_of(instruction, "all any ballot"), instruction.type
    if (way == "ballot") != (kind == "b32"):
        raise Unsupported("expected vote.sync.ballot.b32, or .all or .any with .pred")
    # All lanes agree where none votes for the contrary.
    predicate = ("!" if way == "all" else "") + registers.read(value, "pred")
    votes = f"coc::vote({registers.read(mask, 'u32')}, {predicate}, __LINE__)"
    compared = {"ballot": "", "any": " != 0", "all": " == 0"}[way]
    return registers.write(target, kind, votes + compared)


def reduce(instruction: Instruction, registers: Registers) -> str:
    target, value, mask = instruction.operands
    way, kind = one_of(instruction, "add min max and or xor"), instruction.type
    arguments = f"{registers.read(mask, 'u32')}, {registers.read(value, kind)}, __LINE__"
    return registers.write(target, kind, f"__reduce_{way}_sync({arguments})")


def active_mask(instruction: Instruction, registers: Registers) -> str:
    return registers.write(instruction.operands[0], "b32", "coc_activemask()")


NOTHING = plain(";")

FORMS = {
    "bra": Form(branch, (1,), modifiers="uni"),
    "trap": Form(plain('coc_fail("trap", __LINE__);'), (0,)),
    "nanosleep": Form(plain("coc_yield();"), (1,), ("u32",)),
    "bar": Form(barrier, (1,), modifiers="cta warp sync"),
    "barrier": Form(barrier, (1,), modifiers="cta sync aligned"),
    "shfl": Form(shuffle, (5,), ("b32",), "sync up down bfly idx"),
    "vote": Form(vote, (3,), ("pred", "b32"), "sync all any ballot"),
    "redux": Form(reduce, (3,), ("s32", "u32", "b32"), "sync add min max and or xor"),
    "activemask": Form(active_mask, (1,), ("b32",)),
    # One thread runs at a time: memory is always consistent, and there are no caches.
    "fence": Form(NOTHING, (0,), modifiers="sc acq_rel cta gpu sys cluster"),
    "membar": Form(NOTHING, (0,), modifiers="cta gl sys"),
    "prefetch": Form(NOTHING, (1,), modifiers="global L1 L2"),
}
