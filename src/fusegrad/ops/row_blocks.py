"""NumPy's way through the rows of large arrays: some at a time, so that what is made on the way stays in a cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fusegrad.ops.shape import rows

AT_ONCE = 1 << 15  # elements


def blocks(*arrays: Any) -> Iterator[tuple[Any, ...]]:
    """Some rows of all arrays (…, width) at a time; all but the first may be None."""
    flat = [rows(array) for array in arrays]
    step = max(1, AT_ONCE // flat[0].shape[1])
    for start in range(0, len(flat[0]), step):
        yield tuple(None if array is None else array[start : start + step] for array in flat)


def block_shape(x: Any) -> tuple[int, int]:
    """Of the rows of x that are handled at once."""
    count, width = rows(x).shape
    return min(count, max(1, AT_ONCE // width)), width


def block_like(x: Any) -> Any:
    """Space for the rows of x that are handled at once."""
    return np.empty(block_shape(x), x.dtype)


def put(target: Any, source: Any, add: bool) -> None:
    """target = source, or target += source; nothing for None."""
    if target is None:
        return
    if add:
        np.add(target, source, out=target)
    else:
        np.copyto(target, source)


def put_rstd(rstd: Any, width: int, eps: float) -> None:
    """rstd = 1 / sqrt(rstd / width + eps), where it held sums of squares."""
    np.divide(rstd, width, out=rstd)
    np.add(rstd, eps, out=rstd)
    np.sqrt(rstd, out=rstd)
    np.divide(1, rstd, out=rstd)
