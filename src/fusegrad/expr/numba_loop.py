"""The evaluator of the extra `fast`: every loop compiled by Numba into one pass over its arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.errors import require_extra
from fusegrad.expr.loop import COLUMN, FULL, NUMBER, ROWS, Loop
from fusegrad.expr.numpy_loop import as_tile
from fusegrad.expr.threads import run_together, shares

LEAST_PER_THREAD = 1 << 17  # elements
HEAD = 1 << 16  # elements, computed in about the 30 µs in which another thread wakes up
GRAIN = 1024  # pieces are whole vectors, so that every element is computed alike whatever the number of threads


@lru_cache(maxsize=1024)
def compiled(loop: Loop) -> Any:
    """The compiled function of a loop over float32 arrays."""
    require_extra("numba", "fast", "the evaluator numba")
    from fusegrad.expr.modules import generated_module  # here, since only who has Numba needs them
    from fusegrad.expr.numba_text import numba_text

    return generated_module(numba_text(loop)).loop


def bind_numba(loop: Loop, arrays: Mapping[str, Any]) -> Callable[[], None]:
    """The loop over these float32 arrays as a function without arguments."""
    function = compiled(loop)
    names = loop.names()
    shape = next(arrays[name].shape for name in names if loop.layout(name) == FULL)
    rows, columns = (1, int(np.prod(shape))) if loop.is_flat else (int(np.prod(shape[:-1])), shape[-1])
    views = {name: flat(loop, name, as_tile(loop.layout(name), arrays[name], rows, columns)) for name in names}
    if loop.is_flat:
        pieces = shares(columns, LEAST_PER_THREAD, GRAIN, HEAD)
    else:
        pieces = shares(rows, max(1, LEAST_PER_THREAD // max(1, columns)), 1, HEAD // max(1, columns))
    given = [[item for name, view in views.items() for item in piece(loop, name, view, part)] for part in pieces]
    calls = [partial(function, *items) for items in given]
    return calls[0] if len(calls) == 1 else partial(run_together, calls)


def flat(loop: Loop, name: str, view: Any) -> Any:
    """One axis where the loop has one, and for what is repeated."""
    if loop.layout(name) in (NUMBER, ROWS) or (loop.layout(name) == FULL and not loop.is_flat):
        return view
    return view.reshape(-1)


def piece(loop: Loop, name: str, view: Any, part: slice) -> tuple[Any, ...]:
    """What one thread is given of an array."""
    if loop.layout(name) == ROWS:
        return memory_and_stride(view[part])
    return (view[part] if loop.layout(name) in (FULL, COLUMN) else view,)


def memory_and_stride(rows: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The memory from the first row to the last one, and the distance of two rows in elements."""
    stride = rows.strides[0] // rows.itemsize
    size = (len(rows) - 1) * stride + rows.shape[1] if rows.size else 0
    return np.lib.stride_tricks.as_strided(rows, (size,), (rows.itemsize,)), stride
