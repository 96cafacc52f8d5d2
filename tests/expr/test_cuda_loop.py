"""The CUDA text of loops: what it says, and what NVIDIA's compiler makes of it."""

from __future__ import annotations

import re

import nvrtc
import pytest
from expr.cuda_loops import LOOPS, c, n, r, u, v, x, y

from fusegrad import expr
from fusegrad.expr import ExpressionError, exp, tanh
from fusegrad.expr.cuda_loop import cuda_text, kernel_name, vector_width
from fusegrad.expr.loop import COLUMN, NUMBER, ROW, loop
from fusegrad.expr.primitives import PRIMITIVES

DTYPES = ["float", "double", "__half", "__nv_bfloat16"]
AXPY = loop("axpy", {"y": n * x + y}, n=NUMBER)
SPREAD = loop("spread", {"y": (x - c) * r}, r=ROW, c=COLUMN)


def test_a_kernel():
    text = cuda_text(AXPY, "__half", 8).partition("constexpr int WIDTH = 8;\n\n")[2]
    assert text == (
        "// y = ((n * x) + y)\n"
        "template <int N>\n"
        "__device__ __forceinline__ void "
        "loop_axpy_group(long long i, __half* y_, float n_number, const __half* x_) {\n"
        "    const auto x_read = group_at<N>(x_, i);\n"
        "    const auto y_read = group_at<N>(y_, i);\n"
        "    Group<__half, N> y_written;\n"
        "#pragma unroll\n"
        "    for (int k = 0; k < N; ++k) {\n"
        "        const float t0 = n_number;\n"
        "        const float t1 = __half2float(x_read.at[k]);\n"
        "        const float t2 = (t0 * t1);\n"
        "        const float t3 = __half2float(y_read.at[k]);\n"
        "        const float t4 = (t2 + t3);\n"
        "        y_written.at[k] = __float2half_rn(t4);\n"
        "    }\n"
        "    // Everything has been read; a target may be one of the arguments.\n"
        "    group_at<N>(y_, i) = y_written;\n"
        "}\n"
        "\n"
        'extern "C" __global__ void __launch_bounds__(256, 1)\n'
        "loop_axpy(__half* y_, const float* n_, const __half* x_, long long n) {\n"
        "    const float n_number = n_[0];\n"
        "    // Thread t of the grid takes the groups t, t + threads, and so on, so that neighbours move neighbouring "
        "memory.\n"
        "    // The indices have 64 bits: those of a large array do not fit in 32.\n"
        "    const long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;\n"
        "    const long long threads = (long long)gridDim.x * blockDim.x;\n"
        "    // Not unrolled: a thread takes few groups, for which the compiler would spill registers.\n"
        "#pragma unroll 1\n"
        "    for (long long i = thread; i < n / WIDTH; i += threads) loop_axpy_group<WIDTH>(i, y_, n_number, x_);\n"
        "    // The last n % WIDTH elements, one by one.\n"
        "#pragma unroll 1\n"
        "    for (long long i = n / WIDTH * WIDTH + thread; i < n; i += threads) "
        "loop_axpy_group<1>(i, y_, n_number, x_);\n"
        "}\n"
    )


def test_repeated_arrays_are_read_by_row_and_column():
    text = cuda_text(SPREAD, "float", 4)
    assert "long long rows, long long columns" in text
    assert "const float c_number = c_[row];" in text
    assert "const auto r_read = group_at<N>(r_, column);" in text
    assert "loop_spread_group<WIDTH>(row * groups + column, column, y_, x_, c_number, r_);" in text


def test_kernel_names_are_c_names():
    assert kernel_name(loop("(x * tanh(x))_backward", {"y": x})) == "loop_x_tanh_x_backward"


def test_every_node_is_computed_once():
    text = cuda_text(loop("shared", {"y": tanh(x * u) + exp(tanh(x * u)), "u": tanh(x * u)}), "float", 4)
    assert len(re.findall("tanh", text.partition("for (int k")[2])) == 1


def test_arithmetic_is_double_where_one_array_is():
    text = cuda_text(loop("mixed", {"y": x + v}), {"y": "float", "x": "double", "v": "__half"}, 2)
    assert "const double t0 = x_read.at[k];" in text
    assert "const double t1 = __half2float(v_read.at[k]);" in text
    assert "float* y_, const double* x_, const __half* v_" in text


def test_integers_alone_are_copied_as_they_are():
    assert "const long long t0 = x_read.at[k];" in cuda_text(loop("copy", {"y": x}), "long long", 2)


def test_integers_of_several_types_are_refused():
    with pytest.raises(ExpressionError, match="integers of one type, got int, long long"):
        cuda_text(loop("copy", {"y": x}), {"y": "long long", "x": "int"}, 1)


WIDTHS = {
    "float": (AXPY, "float", 4),
    "double": (AXPY, "double", 2),
    "half": (AXPY, "__half", 8),
    "widest": (AXPY, {"y": "float", "x": "__half", "n": "double"}, 4),
    "row": (SPREAD, {"y": "__half", "x": "__half", "r": "float", "c": "double"}, 4),
}


@pytest.mark.parametrize(("work", "dtype", "width"), WIDTHS.values(), ids=WIDTHS)
def test_a_thread_takes_16_bytes_of_the_widest_array_in_a_row(work, dtype, width):
    assert vector_width(work, dtype) == width


def test_all_primitives_are_in_one_loop():
    reached = {node.op for node in expr.node.topological(LOOPS["all primitives"].roots)}
    assert set(PRIMITIVES) <= reached


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernels_compile(dtype):
    nvrtc.require(headers=dtype not in ("float", "double"))
    for work in LOOPS.values():
        for width in (1, vector_width(work, dtype)):
            assembly = nvrtc.ptx(cuda_text(work, dtype, width))
            assert f".visible .entry {kernel_name(work)}(" in assembly
            assert (".f64" in assembly) == (dtype == "double"), "float and double are mixed"


def test_a_faulty_text_does_not_compile():
    nvrtc.require()
    with pytest.raises(AssertionError, match="error"):
        nvrtc.ptx(cuda_text(LOOPS["flat"], "float", 4).replace("tanh(", "tangh("))


MOVED = {  # in the assembly: loads of vectors and stores of them, all of 16 bytes
    "float": (AXPY, "float", ["ld.global.v4.f32", "ld.global.v4.f32", "st.global.v4.f32"]),
    "double": (AXPY, "double", ["ld.global.v2.f64", "ld.global.v2.f64", "st.global.v2.f64"]),
    "half": (AXPY, "__half", ["ld.global.v4.u32", "ld.global.v4.u32", "st.global.v4.u32"]),
    "bfloat16": (AXPY, "__nv_bfloat16", ["ld.global.v4.u32", "ld.global.v4.u32", "st.global.v4.u32"]),
    "repeated": (SPREAD, "float", ["ld.global.v4.f32", "ld.global.v4.f32", "st.global.v4.f32"]),
}


@pytest.mark.parametrize(("work", "dtype", "expected"), MOVED.values(), ids=MOVED)
def test_16_bytes_are_moved_at_once(work, dtype, expected):
    nvrtc.require(headers=True)
    assembly = nvrtc.ptx(cuda_text(work, dtype, vector_width(work, dtype)))
    assert sorted(re.findall(r"(?:ld|st)\.global\.v\w+\.\w+", assembly)) == expected
