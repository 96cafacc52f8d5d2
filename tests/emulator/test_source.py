"""Kernel source as people write it: comments, strings, macros and the many ways to declare the same thing."""

from __future__ import annotations

import numpy as np
import pytest
from emulator.launches import inline, launch

from cuda_on_cpu import KernelError, Module, build


def test_comments_and_strings_are_not_taken_for_source():
    body = """/* extern __shared__ float s[]; */ // __global__ void fake(
    const char* text = "// not a comment"; char quote = '"'; y[0] = text[3] == 'n' && quote; // "
    y[1] = 2;"""
    y = np.zeros(2, np.float32)
    launch(inline(body), 1, 1, y)
    assert y.tolist() == [1, 2]


def test_raw_strings_are_kept():
    body = (
        """const char* text = R"x(" // __global__ void fake() {)")x"; y[0] = text[0] == '"'; y[1] = text[2] == '/';"""
    )
    y = np.zeros(2, np.float32)
    launch(inline(body), 1, 1, y)
    assert y.tolist() == [1, 1]


def test_a_backslash_continues_a_comment():
    y = np.zeros(1, np.float32)
    launch(inline("y[0] = 1;  // this goes on \\\n y[0] = 2;\n"), 1, 1, y)
    assert y[0] == 1


def test_separators_of_digits_begin_no_character():
    y = np.zeros(1, np.float32)
    launch(inline("y[0] = 1'000;  /* it's */ y[0] += 1'0;"), 1, 1, y)
    assert y[0] == 1010


ALTERNATIVES = """
#if 0
extern "C" __global__ void left_out(float* y) { this is not C++ }
#endif
#ifdef LARGE
extern "C" __global__ void __launch_bounds__(512) either(float* y) { y[0] = 512; }
#else
extern "C" __global__ void __launch_bounds__(64) either(float* y) { y[0] = 64; }
#endif
"""


@pytest.mark.parametrize(("options", "bound"), [((), 64), (("-DLARGE",), 512)])
def test_kernels_that_the_preprocessor_leaves_out_are_not_there(options, bound):
    y, module = np.zeros(1, np.float32), Module(build(ALTERNATIVES, options=options))
    assert {name: kernel.launch_bounds for name, kernel in module.kernels.items()} == {"either": bound}
    launch(module.kernels["either"], 1, 1, y)
    assert y[0] == bound


def test_places_behind_a_kernel_have_the_lines_of_the_source():
    code = ALTERNATIVES + 'extern "C" __global__ void late(float* y) {\n\n    y[9] = 1;\n}\n'
    with pytest.raises(KernelError) as raised:
        launch(Module(build(code, mode="check")).kernels["late"], 1, 1, np.zeros(1, np.float32))
    assert raised.value.problems[0].where == f"kernel.cu:{code.count(chr(10)) - 1}"


def test_kernels_that_macros_make_are_found_by_their_names():
    code = """#define MAKE(name, value) \\
    extern "C" __global__ void name(float* y) { \\
        y[0] = value; }
    MAKE(one, 1)
    MAKE(two, 2)
    extern "C" __global__ void plain(float* y) { y[0] = 3; }"""
    y = np.zeros(1, np.float32)
    assert list(Module(build(code)).kernels) == ["plain"]
    launch(Module(build(code, names=("one", "two"))).kernels["two"], 1, 1, y)
    assert y[0] == 2


@pytest.mark.parametrize(
    ("declaration", "element"),
    [
        ("extern __shared__ float s[];", "s[t]"),
        ("extern __shared__ __align__(sizeof(double)) float s[];", "s[t]"),
        ("extern __align__(16) __shared__ float s[];", "s[t]"),
        ("extern __shared__ alignas(16) double s[];", "s[t]"),
        ("extern volatile __shared__ float s[];", "s[t]"),
        ("extern __shared__ float s[][8];", "s[t / 8][t % 8]"),
        ("extern __shared__ Pair<int, float> s[];", "s[t].second"),
    ],
)
def test_dynamic_shared_memory_may_be_declared_in_several_ways(declaration, element):
    prefix = "template <class A, class B> struct Pair { A first; B second; };"
    body = f"{declaration} int t = threadIdx.x; {element} = t; __syncthreads(); t = 31 - t; y[31 - t] = {element};"
    y = np.zeros(32, np.float32)
    launch(inline(body, prefix=prefix), 1, 32, y, dynamic_bytes=256)
    np.testing.assert_array_equal(y, np.arange(32)[::-1])


def test_the_header_of_the_runtime_may_be_included():
    y = np.zeros(1, np.float32)
    launch(inline("y[0] = 1;", prefix="#include <cuda_runtime.h>\n"), 1, 1, y)
    assert y[0] == 1
