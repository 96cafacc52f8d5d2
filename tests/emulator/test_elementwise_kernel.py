"""`ElementwiseKernel` of the stand-in: the calls of CuPy, under the checker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuda_on_cpu import KernelError, StandIn


@pytest.fixture(params=["check", "fast"])
def cp(request: pytest.FixtureRequest) -> StandIn:
    return StandIn(mode=request.param)


def axpy(cp: StandIn) -> Any:
    return cp.ElementwiseKernel("T a, T x, T y", "T z", "z = a * x + y", "axpy")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "int64"])
def test_type_variables_and_numbers(cp: StandIn, dtype: str) -> None:
    x, y = cp.arange(6, dtype=dtype), cp.ones(6, dtype)
    z = axpy(cp)(3, x, y)
    assert z.dtype == dtype
    assert z.get().tolist() == [1, 4, 7, 10, 13, 16]
    assert cp.counters.launches == 1


def test_arrays_are_broadcast_and_may_have_any_strides(cp: StandIn) -> None:
    a, x, y = np.arange(3.0), np.arange(24.0).reshape(4, 2, 3), np.arange(8.0).reshape(2, 4)
    z = cp.zeros((4, 2, 3))[:, :, ::-1]
    result = axpy(cp)(cp.asarray(a), cp.asarray(x), cp.asarray(y).T[:, :, None], z)
    assert result is z
    np.testing.assert_array_equal(z.get(), a * x + y.T[:, :, None])


def test_arrays_without_axes_and_without_elements(cp: StandIn) -> None:
    assert axpy(cp)(2.0, cp.full((), 3.0), cp.ones(())).item() == 7
    assert axpy(cp)(2.0, cp.ones((0, 3)), cp.ones(3)).shape == (0, 3)
    assert cp.counters.launches == 1


def test_index_size_raw_arrays_and_preamble(cp: StandIn) -> None:
    reverse = cp.ElementwiseKernel(
        "raw float32 x, int32 shift",
        "float32 y, raw int64 count",
        "y = shifted(x[_ind.size() - 1 - i], shift); if (i == 0) count[0] = _ind.size()",
        "reverse",
        preamble="__device__ float shifted(float x, int shift) { return x + shift; }",
    )
    count, y = cp.empty(1, "int64"), cp.empty(5, "float32")
    results = reverse(cp.arange(5, dtype="float32"), np.int32(10), y, count)
    assert results == (y, count)
    assert y.get().tolist() == [14, 13, 12, 11, 10] and count.item() == 5
    fill = cp.ElementwiseKernel("", "raw int32 y", "y[i] = i", "fill_raw", no_return=True)
    z = cp.empty(7, "int32")
    assert fill(z, size=7) is None
    assert z.get().tolist() == list(range(7))


def test_half_types(cp: StandIn) -> None:
    widen = cp.ElementwiseKernel("float16 x", "float32 y", "y = 2 * __half2float(x)", "widen")
    assert widen(cp.asarray([0.5, 1.5], "float16")).get().tolist() == [1, 3]


def test_in_place_and_overlapping_arguments(cp: StandIn) -> None:
    x = cp.arange(6, dtype="float32")
    axpy(cp)(2, x, x, x)
    assert x.get().tolist() == [0, 3, 6, 9, 12, 15]
    axpy(cp)(0, x[:-1], x[:-1], x[1:])
    assert x.get().tolist() == [0, 0, 3, 6, 9, 12]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda cp: (1, cp.ones(3), cp.ones(3, "float32")), "y expects T = float64, got float32"),
        (lambda cp: (np.float32(1), cp.ones(3), cp.ones(3)), "expects T = float32, got float64"),
        (lambda cp: (0.5, cp.ones(3, "int32"), cp.ones(3, "int32")), "a expects int32, got the float 0.5"),
        (lambda cp: (1, np.ones(3), cp.ones(3)), "x: Unsupported type <class 'numpy.ndarray'>"),
        (lambda cp: (1, cp.ones(3), cp.ones(3), np.ones(3)), "z expects an array of the device, got ndarray"),
        (lambda cp: (1, 2, 3), "no argument tells the type T of a"),
        (lambda cp: (1, cp.ones(3)), "axpy takes 3 or 4 arguments, got 2"),
    ],
)
def test_types_must_agree_exactly(cp: StandIn, arguments: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        axpy(cp)(*arguments(cp))


def test_shapes_must_agree(cp: StandIn) -> None:
    with pytest.raises(ValueError, match=r"z expects shape \(2, 3\), got \(3,\)"):
        axpy(cp)(1, cp.ones((2, 3)), cp.ones(3), cp.ones(3))
    with pytest.raises(ValueError, match="broadcast"):
        axpy(cp)(1, cp.ones(2), cp.ones(3))
    with pytest.raises(ValueError, match="`size` or an array"):
        axpy(cp)(1, cp.ones(3), cp.ones(3), size=3)
    with pytest.raises(ValueError, match="raw argument x expects a C-contiguous array"):
        cp.ElementwiseKernel("raw T x", "T y", "y = x[i]", "raw")(cp.ones(6)[::2], cp.empty(3))


@pytest.mark.parametrize("text", ["float32", "raw x", "complex64 x", "T i", "T _x", "raw T x y"])
def test_parameters_that_cannot_be(cp: StandIn, text: str) -> None:
    with pytest.raises(ValueError, match=r"parameter|type"):
        cp.ElementwiseKernel(text, "T y", "y = 0", "none")


def test_the_name_is_an_identifier(cp: StandIn) -> None:
    with pytest.raises(ValueError, match="Invalid kernel name: 'two words'"):
        cp.ElementwiseKernel("T x", "T y", "y = x", "two words")


def test_a_stream_is_noted(cp: StandIn) -> None:
    x, y, stream = cp.ones(3), cp.empty(3), cp.cuda.Stream()
    with cp.recording() as log:
        cp.ElementwiseKernel("T n", "T y", "y = n + 1", "add_one")(x, y, stream=stream)
    assert log == [("add_one", stream.name)]
    assert y.get().tolist() == [2, 2, 2]


def test_the_checker_runs() -> None:
    cp = StandIn(mode="check")
    shift = cp.ElementwiseKernel("raw T x", "T y", "y = x[i + 1]", "shift")
    with pytest.raises(KernelError, match=r"memcheck: shift\.cu:.* out of bounds"):
        shift(cp.ones(3), cp.empty(3))
    with pytest.raises(KernelError, match="initcheck"):
        axpy(cp)(1, cp.empty(3), cp.ones(3))
    with pytest.raises(KernelError, match="racecheck"):
        cp.ElementwiseKernel("T x", "raw T y", "y[0] = x", "race")(cp.ones(300), cp.empty(1))
