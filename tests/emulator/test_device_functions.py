"""Functions that CUDA adds to C++ give what NumPy and Python give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from emulator.launches import inline, launch

EPS = np.finfo(np.float32).eps
X = np.linspace(-3.2, 3.2, 65, dtype=np.float32)
POSITIVE = np.linspace(0.05, 6, 65, dtype=np.float32)

# expression in x -> the same in Python, and the arguments
FLOAT_FUNCTIONS = {
    "erff(x)": (math.erf, X),
    "erfcf(x)": (math.erfc, X),
    "expm1f(x)": (math.expm1, X),
    "log1pf(x)": (math.log1p, POSITIVE),
    "rsqrtf(x)": (lambda x: 1 / math.sqrt(x), POSITIVE),
    "rsqrt(x)": (lambda x: 1 / math.sqrt(x), POSITIVE),
    "rcbrtf(x)": (lambda x: x ** (-1 / 3), POSITIVE),
    "tanhf(x)": (math.tanh, X),
    "exp(x)": (math.exp, X),
    "log(x)": (math.log, POSITIVE),
    "__expf(x)": (math.exp, X),
    "__logf(x)": (math.log, POSITIVE),
    "__powf(x, 1.5f)": (lambda x: x**1.5, POSITIVE),
    "__fdividef(x, 3.0f)": (lambda x: x / 3, X),
    "__saturatef(x)": (lambda x: min(max(x, 0), 1), X),
    "sinpif(x)": (lambda x: math.sin(math.pi * math.fmod(x, 2)), X),
    "cospif(x)": (lambda x: math.cos(math.pi * math.fmod(x, 2)), X),
    "normcdff(x)": (lambda x: 0.5 * math.erfc(-x / math.sqrt(2)), X),
    "fmaf(x, x, 1.0f)": (lambda x: x * x + 1, X),
    "__fmaf_rn(x, x, 1.0f)": (lambda x: x * x + 1, X),
    "fminf(x, 0.5f)": (lambda x: min(x, 0.5), X),
    "max(x, 0.5f)": (lambda x: max(x, 0.5), X),
    "abs(x)": (abs, X),
    "fmodf(x, 0.75f)": (lambda x: math.fmod(x, 0.75), X),
    "copysignf(x, -1.0f)": (lambda x: -abs(x), X),
    "rintf(x)": (round, X),
    "__half2float(__float2half_rn(x))": (lambda x: float(np.float16(x)), X),
    "(float)__hfma(__half(x), __half(2.0f), __half(1.0f))": (
        lambda x: float(np.float16(2 * float(np.float16(x)) + 1)),
        X,
    ),
    "(float)hexp(__half(x))": (lambda x: float(np.float16(np.exp(np.float32(np.float16(x))))), X),
}


def results(expressions: list[str], x: np.ndarray, mode: str, kind: str = "float", prefix: str = "") -> np.ndarray:
    """The value of each expression, a function of x, for each element."""
    lines = "\n".join(f"y[{k} * n + t] = {expression};" for k, expression in enumerate(expressions))
    types = {"float32": "float", "int32": "int", "uint32": "unsigned", "float64": "double"}
    kernel = inline(
        f"int t = threadIdx.x; {types[x.dtype.name]} x = in[t];\n{lines}",
        f"const {types[x.dtype.name]}* in, {kind}* y, int n",
        prefix,
        mode,
    )
    dtype = {"float": np.float32, "int": np.int32, "unsigned": np.uint32, "double": np.float64, "long long": np.int64}
    y = np.zeros((len(expressions), len(x)), dtype[kind])
    launch(kernel, 1, len(x), x, y, np.int32(len(x)))
    return y


@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize("arguments", [X, POSITIVE], ids=["signed", "positive"])
def test_functions_of_float(mode, arguments):
    functions = {name: f for name, (f, x) in FLOAT_FUNCTIONS.items() if x is arguments}
    got = results(list(functions), arguments, mode)
    for name, f, values in zip(functions, functions.values(), got, strict=True):
        expected = np.array([f(float(x)) for x in arguments])
        np.testing.assert_allclose(values, expected, rtol=4 * EPS, atol=4 * EPS, err_msg=name)


def test_sinpi_is_exact_at_multiples_of_one_half():
    x = np.array([-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 1e6 + 0.5], np.float32)
    sine, cosine = results(["sinpif(x)", "cospif(x)"], x, "check")
    np.testing.assert_array_equal(sine, [0, 1, 0, -1, 0, 1, 0, -1, 0, 1])
    np.testing.assert_array_equal(cosine, [1, 0, -1, 0, 1, 0, -1, 0, 1, 0])


def test_both_results_of_sincos():
    prefix = "__device__ float both(float x) { float s, c, p, q; sincosf(x, &s, &c); sincospif(x, &p, &q); "
    prefix += "return s * s + c * c + p * p + q * q; }"
    np.testing.assert_allclose(results(["both(x)"], X, "check", prefix=prefix)[0], 2, rtol=8 * EPS)


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_rounded_functions_are_never_fused(mode):
    x = np.float32(1) + np.arange(64, dtype=np.float32) * EPS
    separate, fused = results(["__fadd_rn(__fmul_rn(x, x), -1.0f)", "fmaf(x, x, -1.0f)"], x, mode)
    np.testing.assert_array_equal(separate, x * x - np.float32(1))
    np.testing.assert_array_equal(fused, (x.astype(float) ** 2 - 1).astype(np.float32))
    assert (separate != fused).any()


def test_minimum_and_maximum_skip_nan():
    x = np.array([np.nan, 1], np.float32)
    lesser, greater = results(["min(x, 2.0f)", "max(x, 2.0f)"], x, "check")
    assert lesser.tolist() == [2, 1]
    assert greater.tolist() == [2, 2]


def test_conversions_round_and_saturate():
    x = np.array([2.5, -2.5, 3.7, 1e20, -1e20, np.nan], np.float32)
    nearest, down, up, zero = results([f"__float2int_{way}(x)" for way in ("rn", "rd", "ru", "rz")], x, "check", "int")
    largest, smallest = 2**31 - 1, -(2**31)
    assert nearest.tolist() == [2, -2, 4, largest, smallest, 0]
    assert down.tolist() == [2, -3, 3, largest, smallest, 0]
    assert up.tolist() == [3, -2, 4, largest, smallest, 0]
    assert zero.tolist() == [2, -2, 3, largest, smallest, 0]


BIT_FUNCTIONS = {
    "__popc(x)": lambda x: x.bit_count(),
    "__clz(x)": lambda x: 32 - x.bit_length(),
    "__ffs(x)": lambda x: (x & -x).bit_length(),
    "__brev(x)": lambda x: int(f"{x:032b}"[::-1], 2),
    "__umulhi(x, 2654435769u)": lambda x: x * 2654435769 >> 32,
    "(unsigned)(__umul64hi(x * 4294967296ull, 2654435769ull))": lambda x: x * 2654435769 >> 32,
    # bytes 4, 0, 6 and 1 of x and the constant, from the lowest on
    "__byte_perm(x, 0x01020304u, 0x1604u)": lambda x: 4 | (x & 255) << 8 | 2 << 16 | (x >> 8 & 255) << 24,
    "__funnelshift_l(x, 5u, 7)": lambda x: ((5 << 32 | x) << 7 >> 32) & 0xFFFFFFFF,
    "__funnelshift_r(x, 5u, 7)": lambda x: (5 << 32 | x) >> 7 & 0xFFFFFFFF,
}


def test_functions_of_bits():
    x = np.array([0, 1, 2, 3, 0x80000000, 0xFFFFFFFF, 12345678], np.uint32)
    got = results(list(BIT_FUNCTIONS), x, "check", "unsigned")
    for name, f, values in zip(BIT_FUNCTIONS, BIT_FUNCTIONS.values(), got, strict=True):
        expected = [f(int(value)) for value in x]
        assert values.tolist() == expected, name


def test_bits_of_numbers():
    x = np.array([1.5, -0.0, np.inf], np.float32)
    assert results(["__float_as_int(x)"], x, "check", "int")[0].tolist() == x.view(np.int32).tolist()
    np.testing.assert_array_equal(results(["__int_as_float(__float_as_int(x))"], x, "check")[0], x)


@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize("half", ["__half", "__nv_bfloat16"])
def test_arithmetic_of_half_types_rounds_each_result(half, mode):
    name = {"__half": "half", "__nv_bfloat16": "bfloat16"}[half]
    pair = f"{half}2"
    body = f"""int t = threadIdx.x;
    {half} a = __float2{name}_rn(x[t]), b = __float2{name}_rn(0.3f);
    y[t] = (float)(a * b + a);
    {pair} p = __{"halves2half2" if name == "half" else "halves2bfloat162"}(a, b), q = __hmul2(p, p);
    y[32 + t] = (float)q.x;
    y[64 + t] = (float)__hmax(a, b);
    y[96 + t] = (float)__hfma2(p, p, p).x;"""
    x, y = np.linspace(-2, 2, 32, dtype=np.float32), np.zeros((4, 32), np.float32)
    launch(inline(body, "const float* x, float* y", mode=mode), 1, 32, x, y)
    rounded = (lambda v: np.asarray(v, np.float16).astype(float)) if name == "half" else to_bfloat16
    a, b = rounded(x), rounded(np.float32(0.3))
    np.testing.assert_array_equal(
        y, [rounded(rounded(a * b) + a), rounded(a * a), np.maximum(a, b), rounded(a * a + a)]
    )


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """The nearest bfloat16 numbers, as float64; all arguments here are exact in float32 but for the last sum."""
    bits = np.atleast_1d(np.asarray(x, np.float32)).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(float)


def test_vectors_are_read_and_written_at_once():
    body = """int t = threadIdx.x;
    float4 f = reinterpret_cast<const float4*>(x)[t];
    uint4 u = __ldg(reinterpret_cast<const uint4*>(x) + t);
    double2 d = __ldcs(reinterpret_cast<const double2*>(x) + t);
    __stcs(reinterpret_cast<float4*>(y) + t, make_float4(f.w, f.z, f.y, f.x));
    reinterpret_cast<uint4*>(y + 64)[t] = u;
    reinterpret_cast<double2*>(y + 128)[t] = make_double2(d.y, d.x);"""
    x, y = np.arange(64, dtype=np.float32), np.zeros((3, 64), np.float32)
    launch(inline(body, "const float* x, float* y"), 1, 16, x, y)
    fours = x.reshape(16, 4)
    np.testing.assert_array_equal(y.reshape(3, 16, 4), [fours[:, ::-1], fours, fours[:, [2, 3, 0, 1]]])


def test_constant_memory_of_several_kernels():
    code = "__constant__ float first[3] = {1, 2, 3}; static __constant__ int second[2] = {40, 50}; "
    code += 'extern "C" __global__ void other(float* y) { y[0] = first[0]; } '
    y = np.zeros(2, np.float32)
    launch(inline("y[0] = first[2]; y[1] = second[1];", prefix=code), 1, 1, y)
    assert y.tolist() == [3, 50]
