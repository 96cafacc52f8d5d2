"""asm statements as a whole: memory, branches, operands and warps; what is refused, and what the checker sees."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import nvrtc
import pytest

from cuda_on_cpu import BuildError, KernelError, StandIn
from cuda_on_cpu.inline_asm import Unsupported, rewrite

SOURCE = Path(__file__).with_name("asm_statements.cu").read_text()
RNG = np.random.default_rng(0)


@cache
def module() -> Any:
    return StandIn(mode="check").RawModule(code=SOURCE, options=("-std=c++17",))


def run(kernel: str, threads: int, *arrays: Any) -> list[np.ndarray]:
    """The arrays after a launch of one block; those given as (shape, dtype) are empty before it."""
    cupy = module().stand_in
    args = [cupy.empty(*array) if isinstance(array, tuple) else array for array in arrays]
    args = [cupy.asarray(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
    module().get_function(kernel)((1,), (threads,), tuple(args))
    return [arg.get() for arg in args if not isinstance(arg, np.generic)]


def test_nvidias_compiler_takes_the_statements():
    nvrtc.require()
    code = SOURCE + "".join(map(faulty, FAULTS))
    assert nvrtc.ptx(code, architecture="sm_80").count(".visible .entry") == code.count('extern "C"')


def test_vectors_are_loaded_and_stored():
    x = RNG.standard_normal(36).astype(np.float32)
    _, y, z = run("vectors", 8, x, (32, np.float32), (8, np.uint32))
    np.testing.assert_array_equal(y.reshape(8, 4), x[4:].reshape(8, 4)[:, ::-1])
    np.testing.assert_array_equal(z, x.view(np.uint32)[1:16:2])


def test_bytes_are_extended_by_their_sign():
    x = np.arange(-8, 8, dtype=np.int8)
    _, y, z = run("bytes", 16, x, (16, np.int32), (16, np.int8))
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(z, x)


def test_shared_memory_is_reached_by_both_kinds_of_addresses():
    x = np.arange(64, dtype=np.uint32)
    np.testing.assert_array_equal(run("reversed", 64, x, (64, np.uint32))[1], x[::-1])


def test_atomics():
    x = RNG.integers(-9, 9, 64).astype(np.float32)
    _, y, sums, ranks = run("atomics", 64, x, np.zeros(4, np.uint32), np.zeros(2, np.float32), (64, np.uint32))
    np.testing.assert_array_equal(y, [64, 58, 63, 64 % 10])
    np.testing.assert_array_equal(sums, x.sum())
    np.testing.assert_array_equal(np.sort(ranks), np.arange(64))


def test_branches_and_predicates():
    x = np.arange(32, dtype=np.uint32)
    _, y, z = run("branches", 32, x, (32, np.uint32), (32, np.uint32))
    np.testing.assert_array_equal(y, x * (x + 1) // 2)
    np.testing.assert_array_equal(z, np.where(x % 2, 1, 2))


def test_operands_are_evaluated_once():
    (x,) = run("operands", 32, np.array([5, 0, 0, 0], np.uint32), np.int32(9))
    np.testing.assert_array_equal(x, [17, 9, 0x3F800000, 3])


def test_the_lanes_of_a_warp_work_together():
    x = RNG.integers(-5, 9, 32).astype(np.int32)
    ballot = int(((x > 0) << np.arange(32)).sum())
    same = [ballot, 1, 0, x.sum(), x.min(), np.bitwise_xor.reduce(x)]
    y = run("warp", 32, x, ((8, 32), np.uint32))[1]
    np.testing.assert_array_equal(y[:6], [[int(value) & 0xFFFFFFFF] * 32 for value in same])
    np.testing.assert_array_equal(y[6].view(np.int32), x[np.arange(32) ^ 1])
    assert (y[7] >> np.arange(32) & 1).all()  # every lane is active itself; which others are, nothing says


FAULTS = {
    "memcheck": 'asm("ld.global.f32 %0, [%1];" : "=f"(y[i]) : "l"(x + i + 1));',
    "align": 'asm("ld.global.v2.f32 {%0, _}, [%1];" : "=f"(y[i]) : "l"(x + 1));',
    "racecheck": 'asm volatile("st.global.f32 [%0], %1;" ::"l"(y), "f"(x[i]) : "memory");',
    "synccheck": 'if (i < 16) asm volatile("bar.warp.sync -1;"); y[i] = x[i];',
    "initcheck": 'float v; asm("ld.global.f32 %0, [%1];" : "=f"(v) : "l"(y + i)); y[i] = v;',
}


def faulty(kind: str) -> str:
    return f"""
        extern "C" __global__ void {kind}(const float* x, float* y) {{
            const int i = threadIdx.x;
            {FAULTS[kind]}
        }}"""


@pytest.mark.parametrize("kind", FAULTS)
def test_the_checker_sees_what_statements_do(kind):
    cupy = StandIn(mode="check")
    kernel = cupy.RawModule(code=faulty(kind)).get_function(kind)
    with pytest.raises(KernelError, match=f"{kind}: module.cu:4:"):
        kernel((1,), (32,), (cupy.ones(32, np.float32), cupy.empty(32, np.float32)))


REFUSED = {
    'asm("frob.u32 %0, 1;" : "=r"(x));': "'frob.u32 %0, 1': unknown instruction",
    'asm("wgmma.fence.sync.aligned;");': "'wgmma.fence.sync.aligned': unknown instruction",
    'asm("add.rz.f32 %0, %1, %1;" : "=f"(x) : "f"(x));': "modifier .rz: known are rn, ftz, sat",
    'asm("add.cc.u32 %0, %0, 1;" : "+r"(x));': "modifier .cc",
    'asm("add.b32 %0, %0, 1;" : "+r"(x));': "expected one of the types",
    'asm("add.sat.s32 %0, %0, 1;" : "+r"(x));': "modifier .sat: known for floats only",
    'asm("add.u32 %0, %0;" : "+r"(x));': "2 operands, expected 3",
    'asm("add.u32 %0, %0, %1;" : "+r"(x));': "operand %1: the statement has 1 operands",
    'asm("add.u32 %0, %0, y;" : "+r"(x));': "operand 'y': expected a number, a declared register",
    'asm("mov.u64 %0, %%clock64;" : "=l"(x));': "operand '%clock64': expected a number",
    'asm("{ .reg .u32 %%r1; mov.u32 %0, %%r1; }" : "=r"(x));': "register '%r1': expected a name without %",
    'asm("{ .reg .f8 t; }");': "registers of type 'f8'",
    'asm("mov.u32 %0, %[a];" : "=r"(x) : [a] "r"(x));': 'operand \'[a] "r"(x)\': expected "constraint"(expression)',
    'asm("mov.u32 %0, %[a];" : "=r"(x));': "'%[': expected the number of an operand",
    'asm("mov.u32 %0, 1;" : "r"(x));': "output '\"r\"(x)': expected a constraint that begins with = or +",
    'asm("mov.u32 %0, 1;" : : "=r"(x));': "input '\"=r\"(x)': expected a constraint without '='",
    'asm("mov.u32 %0, %1;" : "=r"(x) : "q"(x));': "constraint 'q': expected one of r, l, f, d, h, n",
    'asm("mov.u32 %0, 1" : "=r"(x));': "'mov.u32 %0, 1': expected an instruction that ends with a semicolon",
    'asm("{ mov.u32 %0, 1;" : "=r"(x));': "an opening brace without a closing one",
    'asm("mov.u32 %0, 1; }" : "=r"(x));': "a closing brace without an opening one",
    "asm(TEMPLATE : : );": "template 'TEMPLATE': expected string literals alone",
    'asm("bra L;");': "label 'L': expected one of none",
    'asm("1 + 1;");': "'1 + 1': expected an instruction",
    'asm("ld.global.v2.f32 %0, [%1];" : "=f"(x) : "l"(p));': "%0: expected 2 registers",
    'asm("ld.global.f32 %0, %1;" : "=f"(x) : "l"(p));': "address '%1': expected [register] or [register + offset]",
    'asm("ld.param.u32 %0, [%1];" : "=r"(x) : "l"(p));': "modifier .param",
    'asm("cvt.rz.f32.f64 %0, %1;" : "=f"(x) : "d"(d));': "modifier .rz",
    'asm("cvt.s32.f32 %0, %1;" : "=r"(x) : "f"(d));': "a float to an integer: expected one of the modifiers rni",
    'asm("cp.async.bulk.commit_group;");': "modifier .bulk",
    'asm("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0}, [%1];" : "=r"(x) : "r"(p));': "expected 2 registers",
    'asm("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {}, {}, {}, {};");': "modifier .m8n8k4",
    'asm("bar.sync 0, 64;");': "2 operands, expected 1",
    'asm volatile "nop;";': "expected an opening bracket after asm",
    'asm("mov.u32 %0, 1;" : "=r"(x);': "expected a closing bracket",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_what_has_no_equivalent_is_refused(statement):
    with pytest.raises(Unsupported) as refused:
        rewrite(f"// asm\n\nvoid f() {{ {statement} }}", "file.cu")
    assert str(refused.value).startswith("file.cu:3: asm: ")
    assert REFUSED[statement] in str(refused.value)


def test_a_predicate_is_no_number():
    code = """
        extern "C" __global__ void ignoring(const float* x) {
            __shared__ float s[1];
            const unsigned place = (unsigned)__cvta_generic_to_shared(s);
            asm volatile("{ .reg .pred p; setp.ne.u32 p, %0, 0; cp.async.ca.shared.global [%0], [%1], 4, p; }"
                         ::"r"(place), "l"(x));
        }"""
    with pytest.raises(BuildError, match="a predicate is no number"):
        StandIn().RawModule(code=code).get_function("ignoring")


def test_lines_keep_their_numbers():
    assert rewrite(SOURCE, "file.cu").count("\n") == SOURCE.count("\n")


@pytest.mark.parametrize("code", ['f("asm(");', "// asm(\nint asm_;", "/* asm( */", "'\"'; int basm = 3;"])
def test_what_is_no_statement_stays(code):
    assert rewrite(code, "file.cu") == code


def test_lines_of_a_macro_stay_joined():
    code = '#define FENCE \\\n    asm volatile("" \\\n        ::: "memory")\nvoid f() { FENCE; }'
    assert [line.endswith("\\") for line in rewrite(code, "file.cu").splitlines()] == [True, True, False, False]
