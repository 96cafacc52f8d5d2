"""Elements along the last axis by index, as NumPy's `take_along_axis` has it.

Shapes: x, dx (…, width); index, y, dy (…, picks).  Indices are integers from 0 up to width - 1, which nothing checks
here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import THREADS, rows_by_columns
from fusegrad.ops.op import Bound, op
from fusegrad.ops.shape import rows


@op
def forward(x: Any, index: Any, y: Any) -> None:
    """y[…, j] = x[…, index[…, j]]."""
    y[...] = np.take_along_axis(x, index, axis=-1)


@forward.cuda
def launch_forward(x: Any, index: Any, y: Any) -> Bound:
    count, width, picks = len(rows(x)), x.shape[-1], index.shape[-1]
    run = kernel(x, "gather.cu", f"gather_forward<{c_type(x.dtype)}, {c_type(index.dtype)}>")
    return run.bind(*rows_by_columns(count, picks), x, index, y, count, width, picks)


@op
def backward(dy: Any, index: Any, dx: Any, *, add_dx: bool = False) -> None:
    """dx[…, c] = Σ dy[…, j] over index[…, j] = c, or that added, in the order of j."""
    if not add_dx:
        dx.fill(0)
    dx, index, dy = rows(dx), rows(index), rows(dy)
    np.add.at(dx, (np.arange(len(dx))[:, None], index), dy)


@backward.cuda
def launch_backward(dy: Any, index: Any, dx: Any, *, add_dx: bool = False) -> Bound:
    count, width, picks = len(rows(dx)), dx.shape[-1], index.shape[-1]
    run = kernel(dy, "gather.cu", f"gather_backward<{c_type(dy.dtype)}, {c_type(index.dtype)}>")
    return run.bind(*rows_by_columns(count, width, widest=THREADS), dy, index, dx, count, width, picks, add_dx)
