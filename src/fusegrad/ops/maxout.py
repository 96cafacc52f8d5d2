"""The largest of neighbouring entries along an axis (Goodfellow et al., 2013, arXiv:1302.4389).

Shapes: x, dx (*before, n pieces, *after); y, dy, which (*before, n, *after); which uint8, the place of the largest
among its neighbours.  The axis is counted from 0.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import THREADS
from fusegrad.ops.op import Bound, op


@op
def forward(x: Any, y: Any, which: Any, pieces: int, axis: int) -> None:
    """y = max over k of x[…, j pieces + k, …], and `which` the first k that has it; NaN where one of them is NaN."""
    groups = grouped(x, pieces, axis)
    y, which = (array.reshape(groups[:, :, 0].shape) for array in (y, which))
    y[...], which[...] = groups[:, :, 0], 0
    for k in range(1, pieces):
        which[groups[:, :, k] > y] = k
        np.maximum(y, groups[:, :, k], out=y)


@op
def backward(dy: Any, which: Any, dx: Any, pieces: int, axis: int) -> None:
    """dx = dy where `which` says so, 0 elsewhere."""
    groups = grouped(dx, pieces, axis)
    dy, which = (array.reshape(groups[:, :, 0].shape) for array in (dy, which))
    for k in range(pieces):
        groups[:, :, k] = np.where(which == k, dy, 0)


def grouped(x: Any, pieces: int, axis: int) -> Any:
    """x as (before, n, pieces, after)."""
    return x.reshape(prod(x.shape[:axis]), x.shape[axis] // pieces, pieces, prod(x.shape[axis + 1 :]))


@forward.cuda
def launch_forward(x: Any, y: Any, which: Any, pieces: int, axis: int) -> Bound:
    run = kernel(x, "maxout.cu", f"maxout_forward<{c_type(x.dtype)}>")
    return run.bind((-(-y.size // THREADS),), (THREADS,), x, y, which, y.size, pieces, prod(x.shape[axis + 1 :]))


@backward.cuda
def launch_backward(dy: Any, which: Any, dx: Any, pieces: int, axis: int) -> Bound:
    run = kernel(dy, "maxout.cu", f"maxout_backward<{c_type(dy.dtype)}>")
    return run.bind((-(-dy.size // THREADS),), (THREADS,), dy, which, dx, dy.size, pieces, prod(dx.shape[axis + 1 :]))
