"""Instructions that move data: between registers, to and from memory, and atomically."""

from __future__ import annotations

from cuda_on_cpu.inline_asm import types
from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.forms import Form
from cuda_on_cpu.inline_asm.registers import Registers, elements
from cuda_on_cpu.inline_asm.template import Instruction, split

STORED = (*types.BITS, *types.INTEGERS, "f32", "f64")
ATOMIC = ("b32", "b64", "u32", "u64", "s32", "s64", *types.FLOATS)
SPACES = "global shared shared::cta const"
# One thread runs at a time, so memory is always consistent and caches are not seen.
ORDERS = "weak volatile relaxed acquire release acq_rel gpu cta sys cluster"
CACHES = "ca cg cs lu cv wb wt nc L1::no_allocate L1::evict_last L1::evict_first L1::evict_normal"
CACHES += " L1::evict_unchanged L2::64B L2::128B L2::256B"

# Values of the expressions: the old one, and the operands b and c.
ATOMICS = {
    "add": "old + b",
    "min": "coc_asm::smaller(old, b)",
    "max": "coc_asm::larger(old, b)",
    "and": "old & b",
    "or": "old | b",
    "xor": "old ^ b",
    "exch": "b",
    "cas": "old == b ? c : old",
    "inc": "old >= b ? 0 : old + 1",
    "dec": "old == 0 || old > b ? b : old - 1",
}


def space(instruction: Instruction) -> str:
    """The address space, "generic" if none is named."""
    named = [modifier.partition("::")[0] for modifier in instruction.modifiers if modifier in SPACES.split()]
    return named[0] if named else "generic"


def move(instruction: Instruction, registers: Registers) -> str:
    """mov: one register into another, several into a wider one, or a wider one into several."""
    target, source = instruction.operands
    kind = instruction.type
    if target.startswith("{"):
        return unpack(split(target[1:-1]), source, kind, registers)
    if source.startswith("{"):
        return registers.write(target, f"b{8 * types.BYTES[kind]}", packed(split(source[1:-1]), kind, registers))
    return registers.write(target, kind, registers.read(source, kind))


def unpack(targets: list[str], source: str, kind: str, registers: Registers) -> str:
    width = part_width(targets, kind)
    writes = [registers.write(t, f"b{width}", f"(uint{width}_t)(whole >> {i * width})") for i, t in enumerate(targets)]
    return f"const auto whole = {registers.read(source, f'b{width * len(targets)}')}; {' '.join(writes)}"


def packed(sources: list[str], kind: str, registers: Registers) -> str:
    width = part_width(sources, kind)
    whole = f"uint{width * len(sources)}_t"
    parts = [f"({whole}){registers.read(token, f'b{width}')} << {i * width}" for i, token in enumerate(sources)]
    return " | ".join(parts)


def part_width(parts: list[str], kind: str) -> int:
    """Bits of each part."""
    width = 8 * types.BYTES[kind] // len(parts)
    if not kind.startswith("b") or f"b{width}" not in types.BITS:
        raise Unsupported(f"{len(parts)} registers in one of type {kind}")
    return width


def vector_length(instruction: Instruction) -> int:
    return next((int(modifier[1:]) for modifier in instruction.modifiers if modifier in ("v2", "v4")), 1)


def checked(instruction: Instruction, registers: Registers, address: str, count: int, access: str) -> str:
    """Declares `place`, the pointer to elements that may be accessed."""
    pointer, size = registers.address(address, space(instruction)), count * types.BYTES[instruction.type]
    return f"char* const place = {pointer}; coc_asm::check(place, {size}, {access}, __LINE__);"


def load(instruction: Instruction, registers: Registers) -> str:
    target, address = instruction.operands
    targets, kind = elements(target, vector_length(instruction)), instruction.type
    access = "COC_NONCOHERENT" if "nc" in instruction.modifiers else "COC_READ"
    step = types.BYTES[kind]
    loads = [
        registers.write(name, kind, f"coc_asm::load<{types.CPP[kind]}>(place + {i * step})")
        for i, name in enumerate(targets)
    ]
    return " ".join([checked(instruction, registers, address, len(targets), access), *loads])


def store(instruction: Instruction, registers: Registers) -> str:
    address, source = instruction.operands
    sources, kind = elements(source, vector_length(instruction)), instruction.type
    step = types.BYTES[kind]
    stores = [
        f"coc_asm::store<{types.CPP[kind]}>(place + {i * step}, {registers.read(name, kind)});"
        for i, name in enumerate(sources)
    ]
    return " ".join([checked(instruction, registers, address, len(sources), "COC_WRITE"), *stores])


def atomic(instruction: Instruction, registers: Registers) -> str:
    """atom: the old value, which an operation with b replaces."""
    target, address, *tokens = instruction.operands
    found = [modifier for modifier in instruction.modifiers if modifier in ATOMICS]
    if len(found) != 1 or len(tokens) != (2 if found == ["cas"] else 1):
        raise Unsupported(f"expected one operation of {', '.join(ATOMICS)}, with one value, two for cas")
    # Sums wrap around in hardware; signed ones in C++ do not.
    signed_sum = found == ["add"] and instruction.type in types.SIGNED
    kind = types.unsigned(instruction.type) if signed_sum else instruction.type
    scope = " | COC_BLOCK_SCOPE" if "cta" in instruction.modifiers else ""
    values = [registers.read(token, kind) for token in tokens]
    parameters = ", ".join(f"auto {name}" for name in ("old", "b", "c")[: 1 + len(values)])
    new = f"coc_asm::each([]({parameters}) {{ return {ATOMICS[found[0]]}; }}, old, {', '.join(values)})"
    return " ".join([
        checked(instruction, registers, address, 1, f"COC_WRITE | COC_ATOMIC{scope}"),
        f"const auto old = coc_asm::load<{types.CPP[kind]}>(place);",
        f"coc_asm::store<{types.CPP[kind]}>(place, {new});",
        registers.write(target, kind, "old"),
    ])  # fmt: skip


def reduction(instruction: Instruction, registers: Registers) -> str:
    """red: atom whose old value nobody wants."""
    wanted = Instruction(instruction.text, instruction.opcode, ("_", *instruction.operands))
    return atomic(wanted, registers)


def convert_address(instruction: Instruction, registers: Registers) -> str:
    """cvta: a generic address from one in shared memory, and `cvta.to` the reverse; elsewhere they are the same."""
    target, source = instruction.operands
    address = registers.read(source, "u64")
    if space(instruction) == "shared":
        to = "to" in instruction.modifiers
        address = f"coc_to_shared((const void*){address})" if to else f"(uint64_t)coc_asm::shared_pointer({address})"
    return registers.write(target, "u64", address)


FORMS = {
    "mov": Form(move, (2,), ("pred", *STORED)),
    "ld": Form(load, (2,), STORED, f"{SPACES} {ORDERS} {CACHES} v2 v4"),
    "st": Form(store, (2,), STORED, f"{SPACES} {ORDERS} {CACHES} v2 v4"),
    "atom": Form(atomic, (3, 4), ATOMIC, f"{SPACES} {ORDERS} noftz {' '.join(ATOMICS)}"),
    "red": Form(reduction, (2,), ATOMIC, f"{SPACES} {ORDERS} noftz {' '.join(ATOMICS)}"),
    "cvta": Form(convert_address, (2,), ("u64",), f"to {SPACES}"),
}
