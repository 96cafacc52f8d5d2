"""Rows of a table by index: words, categories, positions.

Shapes: table, dtable (rows, width); index (…); y, dy (…, width).  Indices are integers from 0 up to rows - 1, which
nothing checks here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import FILLING, THREADS, elements_at_once, rows_by_columns
from fusegrad.ops.op import Bound, op

MOST_AT_ONCE = 4  # neighbours whose sums a thread has: with eight of a half type it runs out of registers


@op
def forward(table: Any, index: Any, y: Any) -> None:
    """y[…] = table[index[…]]."""
    np.take(table, index, axis=0, out=y, mode="clip")  # by "raise" it would fill an array of its own first


@forward.cuda
def launch_forward(table: Any, index: Any, y: Any) -> Bound:
    width = table.shape[1]
    at_once = elements_at_once(width, table, y)
    run = kernel(table, "embedding.cu", f"embedding_forward<{instance(table, at_once, index)}>")
    return run.bind(*rows_by_columns(index.size, width // at_once), table, index, y, index.size, width)


@op
def backward(dy: Any, index: Any, dtable: Any, padding: int | None = None, add_dtable: bool = False) -> None:
    """dtable[r] = Σ dy[…] over index[…] = r, or that added, in the order of the indices; row `padding` gets nothing."""
    if not add_dtable:
        dtable.fill(0)
    index, dy = index.reshape(-1), dy.reshape(-1, dtable.shape[1])
    wanted = slice(None) if padding is None else index != padding
    np.add.at(dtable, index[wanted], dy[wanted])


@backward.cuda
def launch_backward(dy: Any, index: Any, dtable: Any, padding: int | None = None, add_dtable: bool = False) -> Bound:
    rows, width = dtable.shape
    at_once = min(MOST_AT_ONCE, elements_at_once(width, dy, dtable))
    run = kernel(dy, "embedding.cu", f"embedding_backward<{instance(dy, at_once, index)}>")
    grid = (min(FILLING, largest_power_of_two(rows)),)  # few: each block reads all indices
    never = -1 if padding is None else padding
    return run.bind(grid, (THREADS,), dy, index, dtable, index.size, rows, width, never, add_dtable)


def instance(array: Any, at_once: int, index: Any) -> str:
    return f"{c_type(array.dtype)}, {at_once}, {c_type(index.dtype)}"


def largest_power_of_two(limit: int) -> int:
    """That is at most `limit`; 0 for 0."""
    return 1 << limit.bit_length() >> 1
