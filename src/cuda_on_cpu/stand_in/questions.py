"""Functions that ask an array about itself, and not about its elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuda_on_cpu.stand_in.array import Array


class Questions:
    """The part of a stand-in that reads no element."""

    def shape(self, a: Any) -> tuple[int, ...]:
        return tuple(a.shape)

    def ndim(self, a: Any) -> int:
        return int(a.ndim)

    def size(self, a: Any) -> int:
        return int(a.size)

    def result_type(self, *arrays_and_dtypes: Any) -> np.dtype[Any]:
        return np.result_type(*(host_of(value) for value in arrays_and_dtypes))

    def shares_memory(self, a: Any, b: Any) -> bool:
        return bool(np.shares_memory(host_of(a), host_of(b)))

    def may_share_memory(self, a: Any, b: Any) -> bool:
        return bool(np.may_share_memory(host_of(a), host_of(b)))


def host_of(value: Any) -> Any:
    return value.host if isinstance(value, Array) else value
