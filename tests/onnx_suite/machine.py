"""What the functions of operators compute with: fresh arrays of one backend, made by ops of the library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fusegrad.backend import Backend
from fusegrad.expr import Function
from fusegrad.ops import Op, broadcast, elementwise, transpose


class Machine:
    """One backend; all arrays that it gives and takes are C-contiguous ones of that backend."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def array(self, values: Any, dtype: Any = None) -> Any:
        """An array of this machine with these values."""
        return self.backend.asarray(np.ascontiguousarray(np.asarray(values, dtype)).reshape(np.shape(values)))

    def host(self, array: Any) -> np.ndarray:
        return self.backend.to_numpy(array)

    def whole(self, array: Any) -> list[int]:
        """The integers in an array, or in an attribute."""
        return [int(number) for number in (array if isinstance(array, list) else self.host(array).reshape(-1))]

    def number(self, array: Any) -> float:
        return float(self.host(array).reshape(()))

    def empty(self, shape: Sequence[int], dtype: Any) -> Any:
        return self.backend.empty(tuple(shape), dtype)

    def run(self, op: Op, *arrays: Any, **options: Any) -> None:
        with self.backend.using_stream():
            call = op.bound(self.backend.evaluator, *arrays, **options)
        self.backend.run([call])

    def made(self, op: Op, *arrays: Any, shape: Sequence[int] | None = None, dtype: Any = None, **options: Any) -> Any:
        """What an op writes into its last array, which is of the shape and dtype of the first unless told."""
        y = self.empty(arrays[0].shape if shape is None else shape, arrays[0].dtype if dtype is None else dtype)
        self.run(op, *arrays, y, **options)
        return y

    def filled(self, shape: Sequence[int], number: float, dtype: Any) -> Any:
        array = self.empty(shape, dtype)
        self.run(elementwise.fill, array, number)
        return array

    def applied(self, function: Function, *arrays: Any) -> Any:
        """The function of every element of arrays that are broadcast; on a CPU of bfloat16 by way of float32."""
        shape, dtype = np.broadcast_shapes(*(array.shape for array in arrays)), arrays[0].dtype
        if dtype.name == "bfloat16" and self.backend.name == "cpu":
            return self.cast(self.applied(function, *(self.cast(array, "float32") for array in arrays)), dtype)
        return self.made(broadcast.forward(function), *arrays, shape=shape)

    def expanded(self, x: Any, shape: Sequence[int]) -> Any:
        """x repeated to a shape that it broadcasts to."""
        return x if x.shape == tuple(shape) else self.made(elementwise.copy, x, shape=shape)

    def transposed(self, x: Any, axes: Sequence[int]) -> Any:
        axes = tuple(axis % x.ndim for axis in axes)
        shape = tuple(x.shape[axis] for axis in axes)
        return x if axes == tuple(range(x.ndim)) else self.made(transpose.transpose, x, shape=shape, axes=axes)

    def with_axis(self, x: Any, axis: int, place: int) -> Any:
        """x with one axis moved to a place."""
        axes = [number for number in range(x.ndim) if number != axis % x.ndim]
        axes.insert(place % x.ndim, axis % x.ndim)
        return self.transposed(x, axes)

    def cast(self, x: Any, dtype: Any) -> Any:
        """x in another type: floating-point ones by the op, integers and truths on the host."""
        dtype = np.dtype(dtype)
        if x.dtype == dtype:
            return x
        if is_float(x.dtype) and is_float(dtype):
            return self.made(elementwise.cast, x, dtype=dtype)
        return self.array(self.host(x).astype(dtype))


def is_float(dtype: Any) -> bool:
    return np.dtype(dtype).kind == "f" or np.dtype(dtype).name == "bfloat16"
