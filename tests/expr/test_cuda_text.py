"""The CUDA text of device functions: what it says, and that NVIDIA's compiler takes it, for every primitive."""

from __future__ import annotations

import math

import numpy as np
import nvrtc
import pytest

from fusegrad import expr
from fusegrad.expr import Function, erf, exp, expm1, function, log, maximum, sigmoid, softplus, tanh, where
from fusegrad.expr.cuda_text import PREAMBLE, device_function, identifier, kept, literal

LITERALS = [
    (0.1, "float", "0.1f"),
    (0.1, "double", "0.1"),
    (1.0, "float", "1.0f"),
    (-2.5e-30, "float", "-2.5e-30f"),
    (1e20, "float", "1e+20f"),
    (1e20, "double", "1e+20"),
    (-0.0, "float", "-0.0f"),
    (16777217.0, "float", "1.6777216e+07f"),
    (1 / 3, "float", "0.33333334f"),
    (1 / 3, "double", "0.3333333333333333"),
    (math.inf, "float", "__int_as_float(0x7f800000)"),
    (-math.inf, "float", "__int_as_float(0xff800000)"),
    (1e300, "float", "__int_as_float(0x7f800000)"),
    (math.nan, "float", "__int_as_float(0x7fc00000)"),
    (math.inf, "double", "__longlong_as_double(0x7ff0000000000000LL)"),
    (math.nan, "double", "__longlong_as_double(0x7ff8000000000000LL)"),
]


@pytest.mark.parametrize(("value", "dtype", "text"), LITERALS)
def test_literals(value, dtype, text):
    assert literal(value, dtype) == text


def test_literals_are_exact():
    numbers = np.random.default_rng(0).integers(0, 1 << 32, 3000, np.uint32).view(np.float32)
    for number in numbers[np.isfinite(numbers)]:
        assert np.float32(literal(float(number), "float").removesuffix("f")) == number


def test_a_device_function():
    silu = function(lambda x: x * sigmoid(x), name="silu")
    assert device_function(silu, "float", "f") == (
        "// silu: (x * sigmoid(x))\n"
        "__device__ __forceinline__ float f(float x_) {\n"
        "    const float t0 = x_;\n"
        "    const float t1 = fg_sigmoid(t0);\n"
        "    const float t2 = (t0 * t1);\n"
        "    return t2;\n"
        "}\n"
        "\n"
        "// its derivative by x, in terms of x: (sigmoid(x) + (x * (sigmoid(x) * (1.0 - sigmoid(x)))))\n"
        "__device__ __forceinline__ float f_by_x(float x_) {\n"
        "    const float t0 = x_;\n"
        "    const float t1 = fg_sigmoid(t0);\n"
        "    const float t2 = (1.0f - t1);\n"
        "    const float t3 = (t1 * t2);\n"
        "    const float t4 = (t0 * t3);\n"
        "    const float t5 = (t1 + t4);\n"
        "    return t5;\n"
        "}\n"
    )


def test_a_derivative_takes_the_output_where_that_is_enough():
    text = device_function(function(lambda x: tanh(x), name="tanh"), "double", "g")
    assert "double g(double x_)" in text
    assert "double g_by_x(double y_)" in text


def test_a_function_of_two_arguments_and_a_number():
    text = device_function(function(lambda u, v, *, a: a * u * v), "float", "f")
    assert "float f(float u_, float v_, float a_)" in text
    assert "float f_by_u(float u_, float v_, float a_)" in text
    assert "float f_by_v(float u_, float v_, float a_)" in text


def test_a_function_of_two_outputs_writes_both():
    text = device_function(function(lambda u, v: (u + v, u * v)), "float", "pair")
    assert "void pair(float u_, float v_, float& output0, float& output1)" in text
    assert "output0 = t2;\n    output1 = t3;" in text


FUNCTIONS = {
    "relu": lambda x: maximum(x, 0),
    "gelu": lambda x: x * (0.5 * (1 + erf(x * math.sqrt(0.5)))),
    "gelu by erfc": lambda x: 0.5 * x * expr.erfc(-x * math.sqrt(0.5)),
    "mish": lambda x: x * tanh(softplus(x)),
    "elu": lambda x: where(x > 0, x, 0.3 * expm1(x)),
    "infinite": lambda x: where(x < 1, math.inf, where(x <= 2, math.nan, -math.inf)),
    "constant": lambda x: -1.5,
    "two": lambda u, v: expr.minimum(u, v) / (abs(u) + 1) - expr.sign(v) * expr.log1p(v * v),
    "powers": lambda u, v: (u * u + 1) ** v + abs(u) ** 1.7,
    "several": lambda x: (x, exp(x), -expr.sqrt(log(x) - 1)),
    "keywords": lambda new, double, half: new * double + half,
    "Greek": lambda α, β: α * β,
}


@pytest.mark.parametrize("dtype", ["float", "double"])
def test_device_functions_compile(dtype):
    nvrtc.require()
    texts, kernels = [PREAMBLE], []
    for i, formula in enumerate(FUNCTIONS.values()):
        f = function(formula)
        texts.append(device_function(f, dtype, f"f{i}"))
        kernels.append(calls(f, dtype, f"f{i}"))
    assembly = nvrtc.ptx("\n".join(texts + kernels))
    assert assembly.count(".entry") == len(FUNCTIONS)
    assert (".f64" in assembly) == (dtype == "double")


def calls(f: Function, dtype: str, name: str) -> str:
    """A kernel that calls all device functions of f."""
    given = [f"p[{i}]" for i in range(len(f.arguments))]
    if len(f.outputs) > 1:
        body = f"{name}({', '.join([*given, *(f'p[{i}]' for i in range(len(f.outputs)))])});"
    else:
        body = f"p[0] = {name}({', '.join(given)});"
        for i, argument in enumerate(f.arguments, 1):
            reads = given if len(kept(f)) == len(given) else given[:1]
            body += f" p[{i}] = {name}_by_{identifier(argument)}({', '.join(reads)});"
    return f'extern "C" __global__ void use_{name}({dtype}* p) {{ {body} }}\n'
