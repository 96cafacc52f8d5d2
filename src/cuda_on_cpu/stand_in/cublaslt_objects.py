"""Descriptors and preferences of cuBLASLt: numbers by attributes, set and read through addresses as in C.

As in the library anything can be set that has the right size; what makes no sense is refused where it is used.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from itertools import count
from typing import Any

import numpy as np

from cuda_on_cpu.stand_in.cublaslt_names import Status, cuBLASLtError

_handles = count(1)  # of all kinds, so that none is taken for one of another


class Objects:
    """The objects of one kind, under integers that stand for their addresses.

    `attributes` has of every attribute the dtype, and the value that it has before it is set.
    """

    def __init__(self, attributes: Mapping[Any, tuple[str, int]]) -> None:
        self.dtypes = {int(number): np.dtype(dtype) for number, (dtype, _) in attributes.items()}
        self.first = {int(number): value for number, (_, value) in attributes.items()}
        self.alive: dict[int, dict[int, int]] = {}

    def create(self, values: Mapping[Any, int]) -> int:
        handle = next(_handles)
        self.alive[handle] = {**self.first, **{int(number): int(value) for number, value in values.items()}}
        return handle

    def destroy(self, handle: int) -> None:
        self.content(handle)
        del self.alive[handle]

    def content(self, handle: int) -> dict[int, int]:
        """Its values by the numbers of attributes."""
        if handle not in self.alive:
            raise cuBLASLtError(Status.INVALID_VALUE, f"{handle} is no object of this kind, or no longer")
        return self.alive[handle]

    def dtype_of(self, attribute: int) -> type[np.generic]:
        """Of the value of an attribute; KeyError where the double does not know it."""
        return self.dtypes[int(attribute)].type

    def set(self, handle: int, attribute: int, buf: int, nbytes: int) -> None:
        dtype = self._checked(attribute, buf, nbytes)
        self.content(handle)[int(attribute)] = int(np.frombuffer(ctypes.string_at(buf, nbytes), dtype)[0])

    def get(self, handle: int, attribute: int, buf: int, nbytes: int, size_written: int) -> None:
        dtype = self._checked(attribute, buf, nbytes)
        value = np.array([self.content(handle)[int(attribute)]], dtype)
        ctypes.memmove(buf, value.ctypes.data, nbytes)
        ctypes.memmove(size_written, np.array([nbytes], np.uint64).ctypes.data, 8)

    def _checked(self, attribute: int, buf: int, nbytes: int) -> np.dtype[Any]:
        dtype = self.dtypes.get(int(attribute))
        if dtype is None or not buf or nbytes != dtype.itemsize:
            size = "unknown" if dtype is None else f"of {dtype.itemsize} bytes"
            raise cuBLASLtError(Status.INVALID_VALUE, f"attribute {attribute} is {size}, got {nbytes} bytes at {buf}")
        return dtype
