"""Instructions that compute: each gives what NumPy computes, and NVIDIA's compiler takes the same statements."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import nvrtc
import pytest
from emulator.asm_cases import Case, N

from cuda_on_cpu import StandIn

U, S = np.uint64, np.int64  # wide enough for what 32-bit operands make


def high(a: Any, b: Any) -> Any:
    return (a.astype(object) * b.astype(object)) >> (8 * a.itemsize)


def shifted_left(a: Any, n: Any) -> Any:
    return np.where(n < 32, a.astype(U) << np.minimum(n, 32).astype(U), 0)


def funnel(a: Any, b: Any) -> Any:
    return b.astype(U) << U(32) | a.astype(U)


def count_bits(a: Any) -> Any:
    return np.array([int(x).bit_count() for x in a])


def leading_zeros(a: Any) -> Any:
    return np.array([8 * a.itemsize - int(x).bit_length() for x in a])


def reversed_bits(a: Any) -> Any:
    return np.array([int(f"{x:032b}"[::-1], 2) for x in a])


def permuted(a: Any, b: Any, selector: Any) -> Any:
    octets = np.stack([a, b], 1).view(np.uint8)
    digits = selector[:, None] >> np.arange(0, 16, 4, dtype=np.uint32) & 15
    chosen = np.take_along_axis(octets, (digits & 7).astype(int), 1)
    return np.where(digits & 8, np.where(chosen & 0x80, 0xFF, 0), chosen).astype(np.uint8).view(np.uint32)[:, 0]


def smaller(a: Any, b: Any) -> Any:
    """Of 0 and -0 the latter; a NaN only where both are."""
    return np.where(a == b, np.where(np.signbit(a), a, b), np.fmin(a, b))


def larger(a: Any, b: Any) -> Any:
    return -smaller(-a, -b)


def larger_or_nan(a: Any, b: Any) -> Any:
    return np.where(np.isnan(a) | np.isnan(b), np.nan, larger(a, b))


def clipped(x: Any, dtype: Any) -> Any:
    info = np.iinfo(dtype)
    near = np.where(x >= info.max, 0, np.where(x <= info.min, 0, np.nan_to_num(x))).astype(dtype)
    return np.where(x >= info.max, info.max, np.where(x <= info.min, info.min, near))


def nearest_tf32(x: Any) -> Any:
    u = x.view(np.uint32)
    return np.where(np.isfinite(x), u + 0x1000 & 0xFFFFE000, u)


def setp(comparison: str) -> str:
    return f"{{ .reg .pred p; setp.{comparison} p, %1, %2; selp.u32 %0, 1, 0, p; }}"


INTEGERS = [
    Case("add.s32 %0, %1, %2;", "s32 = s32 s32", np.add),
    Case("add.u64 %0, %1, %2;", "u64 = u64 u64", np.add),
    Case("add.u16 %0, %1, 0xFF;", "u16 = u16", lambda a: a + np.uint16(0xFF)),
    Case("sub.s32 %0, %1, -5;", "s32 = s32", lambda a: a + np.int32(5)),
    Case("mul.lo.s32 %0, %1, %2;", "s32 = s32 s32", np.multiply),
    Case("mul.hi.u32 %0, %1, %2;", "u32 = u32 u32", high),
    Case("mul.hi.s32 %0, %1, %2;", "s32 = s32 s32", high),
    Case("mul.hi.s64 %0, %1, %2;", "s64 = s64 s64", high),
    Case("mul.wide.u32 %0, %1, %2;", "u64 = u32 u32", lambda a, b: a.astype(U) * b),
    Case("mul.wide.s32 %0, %1, %2;", "s64 = s32 s32", lambda a, b: a.astype(S) * b),
    Case("mul.wide.u16 %0, %1, %2;", "u32 = u16 u16", lambda a, b: a.astype(U) * b),
    Case("mad.lo.s32 %0, %1, %2, %3;", "s32 = s32 s32 s32", lambda a, b, c: a * b + c),
    Case("mad.hi.u32 %0, %1, %2, %3;", "u32 = u32 u32 u32", lambda a, b, c: high(a, b).astype(np.uint32) + c),
    Case("mad.wide.s32 %0, %1, %2, %3;", "s64 = s32 s32 s64", lambda a, b, c: a.astype(S) * b + c),
    Case("neg.s32 %0, %1;", "s32 = s32", np.negative),
    Case("abs.s32 %0, %1;", "s32 = s32", np.abs),
    Case("min.s32 %0, %1, %2;", "s32 = s32 s32", np.minimum),
    Case("max.u32 %0, %1, %2;", "u32 = u32 u32", np.maximum),
    Case("and.b32 %0, %1, %2;", "u32 = u32 u32", np.bitwise_and),
    Case("or.b64 %0, %1, %2;", "u64 = u64 u64", np.bitwise_or),
    Case("xor.b16 %0, %1, %2;", "u16 = u16 u16", np.bitwise_xor),
    Case("not.b32 %0, %1;", "u32 = u32", np.invert),
    Case("shl.b32 %0, %1, %2;", "u32 = u32 u32", lambda a, n: shifted_left(a, n).astype(np.uint32)),
    Case("shr.u32 %0, %1, %2;", "u32 = u32 u32", lambda a, n: a.astype(U) >> np.minimum(n, 32)),
    Case("shr.s32 %0, %1, %2;", "s32 = s32 u32", lambda a, n: a.astype(S) >> np.minimum(n, 32).astype(S)),
    Case("shf.l.wrap.b32 %0, %1, %2, %3;", "u32 = u32 u32 u32", lambda a, b, n: funnel(a, b) << (n & 31) >> U(32)),
    Case("shf.r.clamp.b32 %0, %1, %2, %3;", "u32 = u32 u32 u32", lambda a, b, n: funnel(a, b) >> np.minimum(n, 32)),
    Case("lop3.b32 %0, %1, %2, %3, 0xE8;", "u32 = u32 u32 u32", lambda a, b, c: a & b | b & c | a & c),
    Case("prmt.b32 %0, %1, %2, %3;", "u32 = u32 u32 u32", permuted),
    Case("popc.b64 %0, %1;", "u32 = u64", count_bits),
    Case("clz.b32 %0, %1;", "u32 = u32", leading_zeros),
    Case("brev.b32 %0, %1;", "u32 = u32", reversed_bits),
]

FLOATS = [
    Case("add.rn.f32 %0, %1, %2;", "f32 = f32 f32", np.add),
    Case("add.sat.f32 %0, %1, %2;", "f32 = f32 f32", lambda a, b: np.nan_to_num(np.fmin(np.fmax(a + b, 0), 1)) + 0),
    Case("sub.f64 %0, %1, 0d3FF0000000000000;", "f64 = f64", lambda a: a - 1),
    Case("mul.ftz.f32 %0, %1, 0f40490FDB;", "f32 = f32", lambda a: a * np.float32(np.pi)),
    Case(
        "{ .reg .f32 q; mul.rn.f32 q, %1, %2; add.rn.f32 %0, q, %3; }", "f32 = f32 f32 f32", lambda a, b, c: a * b + c
    ),
    Case("fma.rn.f64 %0, %1, 2.0, %2;", "f64 = f64 f64", lambda a, b: 2 * a + b),
    Case("neg.f32 %0, %1;", "f32 = f32", np.negative),
    Case("abs.f32 %0, %1;", "f32 = f32", np.abs),
    Case("min.f32 %0, %1, %2;", "f32 = f32 f32", smaller),
    Case("max.f32 %0, %1, %2;", "f32 = f32 f32", larger),
    Case("max.NaN.f32 %0, %1, %2;", "f32 = f32 f32", larger_or_nan),
    Case("div.rn.f32 %0, %1, %2;", "f32 = f32 f32", np.divide),
    Case("rcp.rn.f32 %0, %1;", "f32 = f32", np.reciprocal),
    Case("sqrt.rn.f32 %0, %1;", "f32 = f32", np.sqrt),
    Case("rsqrt.approx.ftz.f32 %0, %1;", "f32 = f32", lambda a: 1 / np.sqrt(a), 2),
    Case("ex2.approx.ftz.f32 %0, %1;", "f32 = f32", np.exp2, 2),
    Case("lg2.approx.f32 %0, %1;", "f32 = f32", np.log2, 2),
    Case("tanh.approx.f32 %0, %1;", "f32 = f32", np.tanh, 2),
    Case("sin.approx.f32 %0, %1;", "f32 = f32", np.sin, 2),
    Case("cos.approx.f32 %0, %1;", "f32 = f32", np.cos, 2),
]

HALVES = [
    Case("add.f16 %0, %1, %2;", "f16 = f16 f16", np.add),
    Case("sub.f16x2 %0, %1, %2;", "f16x2 = f16x2 f16x2", np.subtract),
    Case("mul.f16x2 %0, %1, %2;", "f16x2 = f16x2 f16x2", np.multiply),
    Case("fma.rn.f16 %0, %1, %2, %3;", "f16 = f16 f16 f16", lambda a, b, c: a * b + c),
    Case("fma.rn.bf16 %0, %1, %2, %3;", "bf16 = bf16 bf16 bf16", lambda a, b, c: a * b + c),
    Case("fma.rn.bf16x2 %0, %1, %2, %3;", "bf16x2 = bf16x2 bf16x2 bf16x2", lambda a, b, c: a * b + c),
    Case("neg.bf16 %0, %1;", "bf16 = bf16", np.negative),
    Case("abs.f16x2 %0, %1;", "f16x2 = f16x2", np.abs),
    Case("max.bf16x2 %0, %1, %2;", "bf16x2 = bf16x2 bf16x2", larger),
    Case("ex2.approx.f16 %0, %1;", "f16 = f16", lambda a: np.exp2(a), 1),
    Case("tanh.approx.f16x2 %0, %1;", "f16x2 = f16x2", np.tanh),
]

HOPPER = [
    Case("add.bf16 %0, %1, %2;", "bf16 = bf16 bf16", np.add),
    Case("mul.bf16x2 %0, %1, %2;", "bf16x2 = bf16x2 bf16x2", np.multiply),
]

COMPARISONS = {
    "eq.f32": np.equal,
    "ne.f32": lambda a, b: (a < b) | (a > b),
    "lt.f32": np.less,
    "geu.f32": lambda a, b: ~(a < b),
    "neu.f32": np.not_equal,
    "num.f32": lambda a, b: ~np.isnan(a) & ~np.isnan(b),
    "nan.f32": lambda a, b: np.isnan(a) | np.isnan(b),
    "gt.s32": np.greater,
    "le.s32": np.less_equal,
    "ne.b32": np.not_equal,
    "hi.u32": np.greater,
    "ls.u32": np.less_equal,
}

CONVERSIONS = [
    Case("cvt.rzi.s32.f32 %0, %1;", "s32 = f32", lambda a: clipped(np.trunc(a), np.int32)),
    Case("cvt.rni.s32.f32 %0, %1;", "s32 = f32", lambda a: clipped(np.rint(a), np.int32)),
    Case("cvt.rmi.u32.f32 %0, %1;", "u32 = f32", lambda a: clipped(np.floor(a), np.uint32)),
    Case("cvt.rpi.f32.f32 %0, %1;", "f32 = f32", np.ceil),
    Case("cvt.rn.f32.s32 %0, %1;", "f32 = s32", lambda a: a.astype(np.float32)),
    Case("cvt.rn.f32.f64 %0, %1;", "f32 = f64", lambda a: a.astype(np.float32)),
    Case("cvt.f64.f32 %0, %1;", "f64 = f32", lambda a: a.astype(np.float64)),
    Case("cvt.u64.u32 %0, %1;", "u64 = u32", lambda a: a.astype(U)),
    Case("cvt.s64.s32 %0, %1;", "s64 = s32", lambda a: a.astype(S)),
    Case("cvt.u16.u32 %0, %1;", "u16 = u32", lambda a: a.astype(np.uint16)),
    Case("cvt.sat.s16.s32 %0, %1;", "s16 = s32", lambda a: np.clip(a, -32768, 32767)),
    Case("cvt.rn.f16.f32 %0, %1;", "f16 = f32", lambda a: a),
    Case("cvt.f32.f16 %0, %1;", "f32 = f16", lambda a: a),
    Case("cvt.f32.bf16 %0, %1;", "f32 = bf16", lambda a: a),
    Case("cvt.rn.bf16.f32 %0, %1;", "bf16 = f32", lambda a: a),
    Case("cvt.rn.f16x2.f32 %0, %1, %2;", "f16x2 = f32 f32", lambda a, b: np.stack([b, a], 1)),
    Case("cvt.rn.bf16x2.f32 %0, %1, %2;", "bf16x2 = f32 f32", lambda a, b: np.stack([b, a], 1)),
    Case("cvt.rna.tf32.f32 %0, %1;", "u32 = f32", nearest_tf32),
]

MOVES = [
    Case("mov.b64 %0, {%1, %2};", "u64 = u32 u32", funnel),
    Case("{ .reg .b16 l, h; mov.b32 {l, h}, %1; mov.b32 %0, {h, l}; }", "u32 = u32", lambda a: a << 16 | a >> 16),
    Case("mov.b32 %0, %1;", "u32 = f32", lambda a: a.view(np.uint32)),
    Case("mov.f32 %0, 0fBF800000;", "f32 = f32", lambda a: np.full_like(a, -1)),
    Case("mov.u32 %0, 010;", "u32 = u32", lambda a: np.full_like(a, 8)),
    Case(
        "{ .reg .u32 r<2>; mov.u32 r0, %%ctaid.x; mov.u32 r1, %%ntid.x; mad.lo.u32 %0, r0, r1, %1; }",
        "u32 = u32",
        lambda a: np.arange(N) // 128 * 128 + a,
    ),
    Case("mov.u32 %0, %laneid;", "u32 = u32", lambda a: np.arange(N) % 32),
    Case("mov.u32 %0, %%lanemask_lt;", "u32 = u32", lambda a: (1 << np.arange(N) % 32) - 1),
]

CASES = [
    *INTEGERS,
    *FLOATS,
    *HALVES,
    *(Case(setp(name), f"u32 = {(kind := name[-3:].replace('b', 'u'))} {kind}", f) for name, f in COMPARISONS.items()),
    *CONVERSIONS,
    *MOVES,
    *HOPPER,
]


def kernels(cases: list[Case]) -> str:
    return "\n".join(case.kernel(f"kernel{i}") for i, case in enumerate(cases))


@cache
def module() -> Any:
    return StandIn(mode="check").RawModule(code=kernels(CASES), options=("-std=c++17",))


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case) for case in CASES])
def test_an_instruction_computes_what_numpy_computes(number):
    case, cupy = CASES[number], module().stand_in
    inputs = case.inputs()
    result = cupy.empty(N, case.array_dtype)
    module().get_function(f"kernel{number}")((4,), (N // 4,), (*map(cupy.asarray, inputs), result))
    case.check(inputs, result.get())


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_nvidias_compiler_takes_the_same_statements(architecture):
    nvrtc.require()
    cases = HOPPER if architecture == "sm_90" else [case for case in CASES if case not in HOPPER]
    assert nvrtc.ptx(kernels(cases), architecture=architecture).count(".visible .entry") == len(cases)


def test_a_fused_multiplication_of_halves_is_rounded_once():
    # 2051 - 2**-20 lies between 2050 and 2052; rounded to float first it is 2051, the middle, and then 2052.
    case = Case("fma.rn.f16 %0, %1, %2, %3;", "f16 = f16 f16 f16", lambda a, b, c: np.full(N, 2050.0))
    inputs = [np.full(N, x, np.float16).view(np.uint16) for x in (1 + 2**-10, 1 - 2**-10, 2050)]
    cupy = StandIn(mode="fast")
    result = cupy.empty(N, np.uint16)
    kernel = cupy.RawModule(code=case.kernel("fused")).get_function("fused")
    kernel((1,), (N,), (*map(cupy.asarray, inputs), result))
    case.check(inputs, result.get())
