"""What kernels want is read from their text."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.backend.instances import instances
from fusegrad.backend.signature import c_type, parameters

TEXT = """
// __global__ void commented(int a) {}
template <class T, int THREADS>
__global__ void __launch_bounds__(THREADS) norm_forward(
    const T* __restrict__ x,  // (rows, width), a comment
    accumulator<T>* mean, unsigned long long* seed,
    long long rows, int width, float eps) {
}

extern "C" __global__ void fill(unsigned char* mask, const bool on) { }
"""


def of(name: str) -> list[tuple[str, str, bool]]:
    return [(item.name, item.dtype, item.is_array) for item in parameters(TEXT, name)]


def test_templates_are_filled_in():
    assert of("norm_forward<__half, 128>") == [
        ("x", "float16", True),
        ("mean", "float32", True),
        ("seed", "uint64", True),
        ("rows", "int64", False),
        ("width", "int32", False),
        ("eps", "float32", False),
    ]


def test_a_struct_is_passed_by_value():
    (sizes,) = parameters("__global__ void f(const struct Sizes sizes) {}", "f")
    assert (sizes.name, sizes.dtype, sizes.is_array) == ("sizes", "struct", False)


def test_a_pointer_to_structs_is_an_error():
    with pytest.raises(ValueError, match="sizes, points to a struct"):
        parameters("__global__ void f(const struct Sizes* sizes) {}", "f")


def test_sums_of_double_are_double():
    assert of("norm_forward<double, 32>")[1] == ("mean", "float64", True)


def test_plain_kernels():
    assert of("fill") == [("mask", "uint8", True), ("on", "bool", False)]


@pytest.mark.parametrize("name", ["commented", "norm", "missing<float>"])
def test_a_kernel_that_is_not_there_is_an_error(name):
    with pytest.raises(ValueError, match="the source has no kernel"):
        parameters(TEXT, name)


def test_an_unknown_type_is_an_error():
    with pytest.raises(ValueError, match="type Thing"):
        parameters("__global__ void f(Thing* x) {}", "f")


def test_the_type_of_elements():
    assert [c_type(np.dtype(name)) for name in ("float16", "int64", "uint32")] == ["__half", "long long", "unsigned"]
    with pytest.raises(TypeError, match="no type for complex64"):
        c_type(np.dtype("complex64"))


def test_every_kernel_of_a_file_is_found():
    text = "// Instances: norm_forward<float, 32>, norm_forward<__half, 64>\n" + TEXT
    assert instances(text) == ["norm_forward<float, 32>", "norm_forward<__half, 64>", "fill"]


def test_a_list_of_instances_may_name_alternatives():
    text = "// Instances: norm_forward<float | __half, 32 | 64>,\n// norm_forward<double, 32>\n" + TEXT
    pairs = ["float, 32", "float, 64", "__half, 32", "__half, 64", "double, 32"]
    assert instances(text) == [*(f"norm_forward<{pair}>" for pair in pairs), "fill"]


def test_templates_of_a_type_alone_exist_for_all_elements():
    text = "template <class T>\n__global__ void __launch_bounds__(256) f(T* x) {}"
    assert instances(text) == ["f<float>", "f<double>", "f<__half>", "f<__nv_bfloat16>"]


def test_other_templates_must_list_their_instances():
    with pytest.raises(ValueError, match="norm_forward has the template parameters class T, int THREADS: list"):
        instances(TEXT)
