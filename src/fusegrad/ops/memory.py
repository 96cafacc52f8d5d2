"""Whether two arrays are one: ops that only hand elements on have nothing to do then."""

from __future__ import annotations

from typing import Any

import numpy as np


def one_memory(x: Any, y: Any) -> bool:
    """Whether x and y are the same elements in the same order, in the same place."""
    if x is y:
        return True
    alike = x.dtype == y.dtype and x.size == y.size and x.flags.c_contiguous and y.flags.c_contiguous
    return bool(alike and address(x) == address(y))


def address(array: Any) -> int:
    return int(array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr)
