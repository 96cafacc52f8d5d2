"""What holds for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusegrad.backend import Backend


@pytest.mark.parametrize("shape", [(), (0,), 5, (3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "uint64", np.float16])
def test_new_arrays_have_shape_and_dtype_and_zeros_are_zero(backend: Backend, shape: Any, dtype: Any) -> None:
    expected = np.zeros(shape, dtype)
    for array in (backend.empty(shape, dtype), backend.zeros(shape, dtype)):
        assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
        assert array.flags.c_contiguous
    np.testing.assert_array_equal(backend.to_numpy(backend.zeros(shape, dtype)), expected)


def test_to_numpy_gives_a_fresh_copy(backend: Backend) -> None:
    array = backend.asarray(np.arange(6.0))
    copy = backend.to_numpy(array)
    copy[:] = -1
    np.testing.assert_array_equal(backend.to_numpy(array), np.arange(6.0))


def test_to_numpy_puts_a_transposed_array_in_c_order(backend: Backend) -> None:
    assert backend.to_numpy(backend.asarray(np.zeros((2, 3))).T).shape == (3, 2)


def test_asarray_converts_what_needs_it_and_returns_its_own_arrays_as_they_are(backend: Backend) -> None:
    array = backend.asarray([1, 2], "float32")
    assert array.dtype == "float32"
    assert backend.asarray(array) is array
    assert backend.asarray(array, "float64").dtype == "float64"


def test_copy_in_copies_from_the_host_and_from_its_own_arrays(backend: Backend) -> None:
    source = np.arange(6).reshape(2, 3)
    for array in (source, source.T.copy().T, backend.asarray(source)):
        destination = backend.zeros((2, 3), "int64")
        backend.copy_in(destination, array)
        np.testing.assert_array_equal(backend.to_numpy(destination), source)


def test_copy_in_fills_an_array_without_axes(backend: Backend) -> None:
    destination = backend.zeros((), "float32")
    backend.copy_in(destination, np.array(2.5))
    assert backend.to_numpy(destination) == 2.5


def test_copy_in_refuses_another_shape_and_another_kind_of_number(backend: Backend) -> None:
    destination = backend.zeros((2,), "int32")
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(1,\)"):
        backend.copy_in(destination, np.ones(1, "int32"))
    with pytest.raises(TypeError, match="converts to int32, got float64"):
        backend.copy_in(destination, np.ones(2))
    np.testing.assert_array_equal(backend.to_numpy(destination), [0, 0])


def test_work_in_using_stream_is_done_after_synchronize(backend: Backend) -> None:
    array = backend.zeros((3,), "float32")
    with backend.using_stream():
        np.add(array, 1, out=array)
    backend.synchronize()
    np.testing.assert_array_equal(backend.to_numpy(array), [1, 1, 1])
