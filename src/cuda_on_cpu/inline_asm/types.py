"""Types of PTX by their names: widths in bytes, and the C++ types that instructions compute in."""

from __future__ import annotations

BITS = ("b8", "b16", "b32", "b64")
UNSIGNED = ("u8", "u16", "u32", "u64")
SIGNED = ("s8", "s16", "s32", "s64")
INTEGERS = (*UNSIGNED, *SIGNED)
HALVES = ("f16", "bf16")
PAIRS = ("f16x2", "bf16x2")  # two numbers in 32 bits
FLOATS = (*HALVES, *PAIRS, "f32", "f64")

CPP = {
    "pred": "bool",
    "f16": "__half",
    "bf16": "__nv_bfloat16",
    "f16x2": "__half2",
    "bf16x2": "__nv_bfloat162",
    "tf32": "uint32_t",  # a float whose last 13 bits are zero, held in an integer register
    "f32": "float",
    "f64": "double",
    **{name: f"uint{name[1:]}_t" for name in (*BITS, *UNSIGNED)},
    **{name: f"int{name[1:]}_t" for name in SIGNED},
}

BYTES = {
    "pred": 1,
    "f16": 2,
    "bf16": 2,
    "f16x2": 4,
    "bf16x2": 4,
    "tf32": 4,
    "f32": 4,
    "f64": 8,
    **{name: int(name[1:]) // 8 for name in (*BITS, *INTEGERS)},
}


def register(name: str) -> str:
    """The C++ type of a register declared with this type: bits for whatever is neither a predicate nor a float."""
    return CPP[name] if name in ("pred", "f32", "f64") else f"uint{8 * BYTES[name]}_t"


def unsigned(name: str) -> str:
    """The unsigned integer as wide as this type: `u32` for `s32` and `b32`."""
    return f"u{8 * BYTES[name]}"


def wide(name: str) -> str:
    """The integer twice as wide, of the same sign: `s64` for `s32`."""
    return f"{name[0]}{16 * BYTES[name]}"
