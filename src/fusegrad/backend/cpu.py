"""The backend of machines without a GPU: NumPy arrays, work that is done when a call returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fusegrad.backend.base import Backend, Feed, Shape, check_copy
from fusegrad.backend.cuda import cupy_module, is_on_device

AT_ONCE = nullcontext()


class CpuBackend(Backend):
    """NumPy, with memory that starts at cache lines."""

    name = "cpu"
    alignment = 64
    xp = np

    def __init__(self, evaluator: str = "numpy") -> None:
        self.evaluator = evaluator

    def empty(self, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
        return self._align(np.empty, shape, dtype)

    def zeros(self, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
        return self._align(np.zeros, shape, dtype)

    def _align(self, allocate: Any, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
        shape = (shape,) if isinstance(shape, int) else shape
        nbytes = prod(shape) * np.dtype(dtype).itemsize
        memory = allocate(nbytes + self.alignment, np.uint8)  # NumPy itself promises 16 bytes
        start = -memory.ctypes.data % self.alignment
        aligned: NDArray[Any] = memory[start : start + nbytes].view(dtype).reshape(shape)
        return aligned

    def asarray(self, array: Any, dtype: DTypeLike | None = None) -> NDArray[Any]:
        return np.asarray(to_host(array), dtype)

    def to_numpy(self, array: Any) -> NDArray[Any]:
        return np.array(array, order="C")

    def number(self, array: Any) -> float:
        return float(array)

    def copy_in(self, destination: Any, source: Any) -> None:
        if type(source) is not np.ndarray:
            source = to_host(source)
        if source.dtype is not destination.dtype or source.shape != destination.shape:
            check_copy(destination, source)
        destination[...] = source

    def feeder(self, destinations: Sequence[Any]) -> Feed:
        def feed(sources: Sequence[Any]) -> None:
            for destination, source in zip(destinations, sources, strict=False):
                self.copy_in(destination, source)

        return feed

    def synchronize(self) -> None:
        pass

    def run(self, calls: Sequence[Callable[[], None]]) -> None:
        with np.errstate(all="ignore"):  # as on a GPU, overflow gives inf without a warning
            for call in calls:
                call()

    def using_stream(self) -> AbstractContextManager[None]:
        return AT_ONCE


def to_host(array: Any) -> Any:
    """The array itself, or a copy on the host of one that lies on a device."""
    if not is_on_device(array):
        return array
    return (array if hasattr(array, "get") else cupy_module().asarray(array)).get()


def to_numpy(array: Any) -> NDArray[Any]:
    """An array, of whatever backend, as one of NumPy; a copy where it lies on a device, after all work on it."""
    return np.asarray(to_host(array))
