"""Functions that make arrays of a stand-in: `empty`, `asarray`, `arange` and the like."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from cuda_on_cpu.stand_in.array import Array
from cuda_on_cpu.stand_in.marks import mark_written
from cuda_on_cpu.stand_in.memory import Memory, checked_dtype

Shape = int | Sequence[int]


class Creation:
    """The part of a stand-in that makes arrays."""

    if TYPE_CHECKING:
        mode: str
        counters: Any
        cuda: Any
        memories: Any
        pinned: Any
        queue: Any
        refuse_allocation: Any
        stream_for_transfer: Any
        transfers: Any

    def empty(self, shape: Shape, dtype: DTypeLike = float) -> Array:
        """An array of NaN, or of integers with all bits set, that reading refuses until something is written."""
        sizes = (int(shape),) if isinstance(shape, int | np.integer) else tuple(int(size) for size in shape)
        dtype = checked_dtype(dtype)
        if min(sizes, default=0) < 0:
            raise ValueError(f"negative dimensions are not allowed, got shape {sizes}")
        memory = self._allocated(prod(sizes) * dtype.itemsize)
        self.queue("empty")
        return Array(self, memory.as_array(sizes, dtype), memory, self.cuda.Device())

    def new_array(self, host: Any) -> Array:
        """A device array of the values of a host array, and in its order, without a word in the log."""
        host = np.asarray(host)
        memory = self._allocated(host.size * checked_dtype(host.dtype).itemsize)
        by_columns = host.flags.f_contiguous and not host.flags.c_contiguous
        turned = host.T if by_columns else host
        view = memory.as_array(turned.shape, host.dtype)
        array = Array(self, view.T if by_columns else view, memory, self.cuda.Device())
        array.host[...] = host
        mark_written(array)
        return array

    def _allocated(self, nbytes: int) -> Memory:
        self.refuse_allocation(f"an array of {nbytes} bytes")
        memory = Memory(nbytes, self.mode == "check", self.counters)
        self.memories[memory.address] = memory
        return memory

    def memory_at(self, address: int) -> Memory | None:
        """The allocation in which an address of the device lies."""
        lying = (m for m in list(self.memories.values()) if m.address <= address < m.address + m.nbytes)
        return next(lying, None)

    def full(self, shape: Shape, fill_value: Any, dtype: DTypeLike | None = None) -> Array:
        return self._filled("full", shape, fill_value, np.asarray(fill_value).dtype if dtype is None else dtype)

    def zeros(self, shape: Shape, dtype: DTypeLike = float) -> Array:
        return self._filled("zeros", shape, 0, dtype)

    def ones(self, shape: Shape, dtype: DTypeLike = float) -> Array:
        return self._filled("ones", shape, 1, dtype)

    def _filled(self, name: str, shape: Shape, value: Any, dtype: DTypeLike) -> Array:
        sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
        self.queue(name)
        return self.new_array(np.full(sizes, value, checked_dtype(dtype)))

    def empty_like(self, a: Array, dtype: DTypeLike | None = None, **options: Any) -> Array:
        return self.empty(options.get("shape", a.shape), a.dtype if dtype is None else dtype)

    def full_like(self, a: Array, fill_value: Any, dtype: DTypeLike | None = None) -> Array:
        return self.full(a.shape, fill_value, a.dtype if dtype is None else dtype)

    def zeros_like(self, a: Array, dtype: DTypeLike | None = None) -> Array:
        return self.zeros(a.shape, a.dtype if dtype is None else dtype)

    def ones_like(self, a: Array, dtype: DTypeLike | None = None) -> Array:
        return self.ones(a.shape, a.dtype if dtype is None else dtype)

    def arange(self, *limits: float, dtype: DTypeLike | None = None) -> Array:
        self.queue("arange")
        return self.new_array(np.arange(*limits, dtype=dtype))

    def linspace(self, start: float, stop: float, num: int = 50, dtype: DTypeLike | None = None) -> Array:
        self.queue("linspace")
        return self.new_array(np.linspace(start, stop, num, dtype=dtype))

    def eye(self, N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = float) -> Array:
        self.queue("eye")
        return self.new_array(np.eye(N, M, k, dtype))

    def array(self, obj: Any, dtype: DTypeLike | None = None, copy: bool = True) -> Any:
        """A new array with the values of an array of host or device, a number, or nested lists of numbers."""
        if not copy:
            return self.asarray(obj, dtype)
        if isinstance(obj, Array):
            return obj.astype(obj.dtype if dtype is None else dtype)
        return self._from_host(obj, dtype, "array")

    def asarray(self, a: Any, dtype: DTypeLike | None = None) -> Any:
        """`a` itself where it is an array of the device of this dtype, else a new array."""
        if isinstance(a, Array):
            return a.astype(a.dtype if dtype is None else dtype, copy=False)
        return self._from_host(a, dtype, "asarray")

    def _from_host(self, values: Any, dtype: DTypeLike | None, name: str) -> Array:
        stream = self.stream_for_transfer(name, "H2D")
        host = np.asarray(values, None if dtype is None else checked_dtype(dtype))
        array = self.new_array(host)
        self.queue(name)
        self.counters.add(copies_to_device=1)
        span = self.pinned.span_of(host, name) if host.flags.forc else None  # else CuPy copies the values first
        if span is not None:
            self.transfers.read(name, span, stream, array.memory, keeps=span.memory())
        return array

    def as_strided(self, x: Array, shape: Sequence[int], strides: Sequence[int]) -> Array:
        """`cupy.lib.stride_tricks.as_strided`; unlike there, ValueError where the view would leave the memory of x."""
        last = sum((size - 1) * step for size, step in zip(shape, strides, strict=True) if step > 0) + x.itemsize
        first = sum((size - 1) * step for size, step in zip(shape, strides, strict=True) if step < 0)
        start = x.data.ptr - x.memory.address
        if prod(shape) and not (start + first >= 0 and start + last <= x.memory.nbytes):
            raise ValueError(f"as_strided: shape {shape} by strides {strides} leaves the memory of the array")
        view = np.lib.stride_tricks.as_strided(x.host, shape, strides)
        return Array(self, view, x.memory, x.device)

    def copy(self, a: Any) -> Any:
        return self.array(a)

    def ascontiguousarray(self, a: Array, dtype: DTypeLike | None = None) -> Any:
        array = self.asarray(a, dtype)
        return array if array.flags.c_contiguous else array.copy()

    def asnumpy(self, a: Any) -> Any:
        return a.get() if isinstance(a, Array) else np.asarray(a)

    def get_array_module(self, *args: Any) -> Any:
        return self if any(isinstance(array, Array) for array in args) else np
