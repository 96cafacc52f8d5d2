"""Instructions that feed and use tensor cores: cp.async, ldmatrix and mma.sync."""

from __future__ import annotations

from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.forms import Form, one_of
from cuda_on_cpu.inline_asm.registers import Registers, elements
from cuda_on_cpu.inline_asm.template import Instruction

# What follows mma.sync.aligned: the template argument of coc::mma, and registers of A and B
MATRICES = {
    "m16n8k16.row.col.f32.bf16.bf16.f32": (0, 4, 2),
    "m16n8k16.row.col.f32.f16.f16.f32": (1, 4, 2),
    "m16n8k8.row.col.f32.tf32.tf32.f32": (2, 4, 2),
    "m16n8k8.row.col.f32.bf16.bf16.f32": (3, 2, 1),
    "m16n8k4.row.col.f32.tf32.tf32.f32": (4, 2, 1),
}
COPIES = "async ca cg shared shared::cta global L2::64B L2::128B L2::256B"


def asynchronous_copy(instruction: Instruction, registers: Registers) -> str:
    """cp.async, and how it is waited for."""
    modifiers, operands = instruction.modifiers, instruction.operands
    if modifiers == ["async", "commit_group"] and not operands:
        return "coc_cp_commit();"
    if modifiers == ["async", "wait_all"] and not operands:
        return "coc_cp_commit(); coc_cp_wait(0);"
    if modifiers == ["async", "wait_group"] and len(operands) == 1:
        return f"coc_cp_wait({registers.read(operands[0], 's32')});"
    if modifiers[:1] != ["async"] or not set(modifiers) >= {"global"} or len(operands) not in (3, 4):
        raise Unsupported("expected cp.async of global to shared memory, commit_group, wait_group or wait_all")
    target, source = registers.address(operands[0], "shared"), registers.address(operands[1], "global")
    size = registers.read(operands[2], "s32")
    read = registers.read(operands[3], "s32") if len(operands) == 4 else size
    sizes = "16" if one_of(instruction, "ca cg") == "cg" else "4, 8, 16"
    check = f'static_assert(coc_asm::is_one_of({size}, {sizes}), "cp.async copies {sizes} bytes");'
    return f"{check} coc_cp_async({target}, {source}, {size}, {read}, __LINE__);"


def load_matrices(instruction: Instruction, registers: Registers) -> str:
    """ldmatrix: 8 x 8 matrices of 16-bit numbers, whose rows the lanes point to."""
    targets, address = instruction.operands
    if "m8n8" not in instruction.modifiers:
        raise Unsupported("expected ldmatrix of shape m8n8")
    count = int(one_of(instruction, "x1 x2 x4")[1:])
    space = "shared" if {"shared", "shared::cta"} & set(instruction.modifiers) else "generic"
    transposed = int("trans" in instruction.modifiers)
    row = registers.address(address, space)
    load = f"uint32_t loaded[4]; coc::ldmatrix(loaded, {row}, {count}, {transposed}, __LINE__);"
    writes = [registers.write(name, "b32", f"loaded[{i}]") for i, name in enumerate(elements(targets, count))]
    return " ".join([load, *writes])


def multiply_matrices(instruction: Instruction, registers: Registers) -> str:
    """mma.sync: D = A B + C in fp32, of fragments that lie across the lanes of the warp."""
    prefix, _, shape = instruction.opcode.partition("mma.sync.aligned.")
    if prefix or shape not in MATRICES:
        raise Unsupported(f"expected mma.sync.aligned and one of {', '.join(MATRICES)}")
    kind, a_count, b_count = MATRICES[shape]
    d, a, b, c = instruction.operands
    fragments = [
        fragment("const uint32_t a", a, a_count, "b32", registers),
        fragment("const uint32_t b", b, b_count, "b32", registers),
        fragment("const float c", c, 4, "f32", registers),
    ]
    multiply = f"float d[4]; coc::mma<{kind}>(d, a, b, c, __LINE__);"
    writes = [registers.write(name, "f32", f"d[{i}]") for i, name in enumerate(elements(d, 4))]
    return " ".join([*fragments, multiply, *writes])


def fragment(declaration: str, token: str, count: int, kind: str, registers: Registers) -> str:
    values = ", ".join(registers.read(name, kind) for name in elements(token, count))
    return f"{declaration}[{count}] = {{{values}}};"


FORMS = {
    "cp": Form(asynchronous_copy, (0, 1, 3, 4), modifiers=f"{COPIES} commit_group wait_group wait_all"),
    "ldmatrix": Form(load_matrices, (2,), ("b16",), "sync aligned m8n8 x1 x2 x4 trans shared shared::cta"),
    "mma": Form(multiply_matrices, (4,), ("f32",), "sync aligned m16n8k16 m16n8k8 m16n8k4 row col f32 bf16 f16 tf32"),
}
