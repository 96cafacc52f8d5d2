"""The CUDA text: what it says, and that NVIDIA's compiler takes it, for every primitive and every dtype."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import subprocess
from collections.abc import Callable

import numpy as np
import nvrtc
import pytest

from fusegrad import expr
from fusegrad.expr import Function, erf, exp, expm1, function, log, maximum, sigmoid, softplus, tanh, where
from fusegrad.expr.cuda_text import PREAMBLE, cuda_text, device_function, identifier, kept, kernel_name, literal
from fusegrad.expr.evaluate import evaluate
from fusegrad.expr.loop import COLUMN, NUMBER, ROW, Loop, loop
from fusegrad.expr.node import argument
from fusegrad.expr.primitives import PRIMITIVES

x, y, u, v, n, r, c = map(argument, "xyuvnrc")
DTYPES = ["float", "double", "half", "bfloat16"]

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


def test_a_kernel():
    work = loop("axpy", {"y": n * x + y}, n=NUMBER)
    kernel = cuda_text(work, "half").partition('extern "C" ')[2]
    assert kernel == (
        "__global__ void loop_axpy(__half* y_, const float* n_, const __half* x_, long long n) {\n"
        "    const float n_number = *n_;\n"
        "    // Neighbouring threads take neighbouring elements, then go on by the size of the grid.\n"
        "    // The indices have 64 bits: those of a large array do not fit in 32.\n"
        "    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; "
        "i += (long long)gridDim.x * blockDim.x) {\n"
        "        const float t0 = n_number;\n"
        "        const float t1 = __half2float(x_[i]);\n"
        "        const float t2 = (t0 * t1);\n"
        "        const float t3 = __half2float(y_[i]);\n"
        "        const float t4 = (t2 + t3);\n"
        "        // Everything has been read; a target may be one of the arguments.\n"
        "        y_[i] = __float2half_rn(t4);\n"
        "    }\n"
        "}\n"
    )


def test_repeated_arrays_are_indexed_by_row_and_column():
    kernel = cuda_text(loop("norm", {"y": (x - c) * r}, r=ROW, c=COLUMN), "float")
    assert "long long rows, long long columns" in kernel
    assert all(f"{text}]" in kernel for text in ("x_[row * columns + column", "c_[row", "r_[column"))


def test_kernel_names_are_c_names():
    assert kernel_name(loop("(x * tanh(x))_backward", {"y": x})) == "loop_x_tanh_x_backward"


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
LOOPS = {
    "flat": loop("flat", {"y": x * tanh(softplus(x)) * u, "x": where(x > u, 1, x)}),
    "momentum": loop("momentum", {"v": 0.9 * v + u, "x": x - n * (0.9 * v + u)}, n=NUMBER),
    "repeated": loop("repeated", {"y": (x - c) * r + u}, r=ROW, c=COLUMN),
    "all primitives": loop(
        "primitives",
        {
            "y": expr.minimum(x, u) ** v + abs(sigmoid(x)) * expr.sign(u) - erf(v) / (expr.erfc(x) + 2),
            "x": where(x <= u, exp(x) + expm1(u), where(u < x, -log(v), expr.log1p(expr.sqrt(maximum(x, 0))))),
            "u": tanh(u) * math.inf + 1e-45,
        },
    ),
}


def test_all_primitives_are_in_one_loop():
    reached = {node.op for node in expr.node.topological(LOOPS["all primitives"].roots)}
    assert set(PRIMITIVES) <= reached


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


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernels_compile(dtype):
    nvrtc.require(headers=dtype in ("half", "bfloat16"))
    for work in LOOPS.values():
        assembly = nvrtc.ptx(cuda_text(work, dtype))
        assert f".visible .entry {kernel_name(work)}(" in assembly
        assert (".f64" in assembly) == (dtype == "double"), "float and double are mixed"


def test_every_node_is_computed_once():
    text = cuda_text(loop("shared", {"y": tanh(x * u) + exp(tanh(x * u)), "u": tanh(x * u)}), "float")
    assert len(re.findall("tanh", text.partition("for (")[2])) == 1


def test_a_faulty_text_does_not_compile():
    nvrtc.require()
    with pytest.raises(AssertionError, match="error"):
        nvrtc.ptx(cuda_text(LOOPS["flat"], "float").replace("tanh(", "tangh("))


HOST = """
#include <cmath>
#include <cstring>
using namespace std;  // its functions are overloaded for float, as CUDA's are
#define __global__
#define __device__
#define __forceinline__ inline
struct Place { unsigned x, y; };
static Place blockIdx, threadIdx, gridDim, blockDim;
static float __int_as_float(unsigned bits) { float x; memcpy(&x, &bits, 4); return x; }
static double __longlong_as_double(long long bits) { double x; memcpy(&x, &bits, 8); return x; }
"""
# All threads of the grid one after the other.
RUN = """
extern "C" void run_{name}(void** p, long long* n) {{
    gridDim = {{3, {height}}};
    blockDim = {{4, {height}}};
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++)
            for (threadIdx.y = 0; threadIdx.y < blockDim.y; threadIdx.y++)
                for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++) {name}({operands});
}}
"""
RUNNABLE = {name: work for name, work in LOOPS.items() if name != "flat"} | {
    "choices": loop("choices", {"y": where(x < 0, math.inf, where(x <= 1, math.nan, -math.inf)), "x": -x}),
    "extremes": loop("extremes", {"y": maximum(x, u), "v": expr.minimum(x, u), "x": expr.sign(x), "u": sigmoid(u)}),
    "activation": loop("activation", {"y": x * tanh(softplus(x)) * u}),
}


@pytest.mark.parametrize("dtype", ["float", "double"])
def test_kernels_compute_what_they_say(dtype, tmp_path):
    """By a C++ compiler for the host, with loops in place of the grid; targets in place show what is computed twice."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    texts = [HOST, PREAMBLE]
    for work in RUNNABLE.values():
        arrays = [f"({dtype}*)p[{i}]" for i in range(len(work.names()))]
        sizes, height = (["n[1]"], 1) if work.is_flat else (["n[0]", "n[1]"], 2)
        texts.append(cuda_text(work, dtype).replace(PREAMBLE, ""))
        texts.append(RUN.format(name=kernel_name(work), height=height, operands=", ".join(arrays + sizes)))
    (tmp_path / "kernels.cpp").write_text("\n".join(texts))
    command = [compiler, "-shared", "-fPIC", "-ffp-contract=off", "kernels.cpp", "-o", "kernels.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "kernels.so"))
    for work in RUNNABLE.values():
        check_kernel(
            getattr(library, f"run_{kernel_name(work)}"), work, {"float": "float32", "double": "float64"}[dtype]
        )


def check_kernel(run: Callable[..., None], work: Loop, dtype: str) -> None:
    """One run over random numbers and special ones, against the direct evaluation in float64."""
    rows, columns = (1, 1000) if work.is_flat else (23, 41)
    shapes = {ROW: (columns,), COLUMN: (rows,), NUMBER: ()}
    generator = np.random.default_rng(0)
    arrays = {}
    for name in work.names():
        arrays[name] = np.asarray(generator.uniform(-3, 3, shapes.get(work.layout(name), (rows, columns))), dtype)
        if work.name in ("choices", "extremes"):
            arrays[name].flat[:36] = generator.permutation(np.tile([math.nan, math.inf, -math.inf, 0, 1, -1], 6))
    reads = {name: array.astype(float) for name, array in arrays.items()}
    reads |= {name: reads[name][:, None] for name in reads if work.layout(name) == COLUMN}
    expected = evaluate(work.roots, reads)
    pointers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays.values()))
    run(pointers, (ctypes.c_longlong * 2)(rows, columns))
    for (target, _), array in zip(work.assignments, expected, strict=True):
        rtol = 64 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(arrays[target], array, rtol=rtol, atol=rtol, err_msg=f"{work.name}: {target}")
