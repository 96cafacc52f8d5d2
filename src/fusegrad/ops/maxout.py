"""The largest of neighbouring entries along an axis (Goodfellow et al., 2013, arXiv:1302.4389).

Shapes: x, dx (*before, n pieces, *after); y, dy, which (*before, n, *after); which uint8, the place of the largest
among its neighbours.  The axis is counted from 0.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import THREADS
from fusegrad.ops.op import Bound, bound_op


@bound_op
def forward(evaluator: str, x: Any, y: Any, which: Any, pieces: int, axis: int) -> Bound:
    """y = max over k of x[…, j pieces + k, …], and `which` the first k that has it; NaN where one of them is NaN."""
    groups = grouped(x, pieces, axis)
    shape = groups[0].shape
    return partial(put_largest, groups, y.reshape(shape), which.reshape(shape), np.empty(shape, bool))


@bound_op
def backward(evaluator: str, dy: Any, which: Any, dx: Any, pieces: int, axis: int) -> Bound:
    """dx = dy where `which` says so, 0 elsewhere."""
    groups = grouped(dx, pieces, axis)
    shape = groups[0].shape
    return partial(put_where, groups, dy.reshape(shape), which.reshape(shape), np.empty(shape, bool))


def grouped(x: Any, pieces: int, axis: int) -> list[Any]:
    """The first of all neighbours, the second ones, …, each (before, n, after)."""
    groups = x.reshape(prod(x.shape[:axis]), x.shape[axis] // pieces, pieces, prod(x.shape[axis + 1 :]))
    return [groups[:, :, k] for k in range(pieces)]


def put_largest(groups: list[Any], y: Any, which: Any, larger: Any) -> None:
    np.copyto(y, groups[0])
    which.fill(0)
    for k, group in enumerate(groups[1:], 1):
        np.greater(group, y, out=larger)
        np.copyto(which, k, where=larger)
        np.maximum(y, group, out=y)


def put_where(groups: list[Any], dy: Any, which: Any, chosen: Any) -> None:
    for k, group in enumerate(groups):
        np.equal(which, k, out=chosen)
        group.fill(0)
        np.copyto(group, dy, where=chosen)


@forward.cuda
def launch_forward(x: Any, y: Any, which: Any, pieces: int, axis: int) -> Bound:
    run = kernel(x, "maxout.cu", f"maxout_forward<{c_type(x.dtype)}>")
    return run.bind((-(-y.size // THREADS),), (THREADS,), x, y, which, y.size, pieces, prod(x.shape[axis + 1 :]))


@backward.cuda
def launch_backward(dy: Any, which: Any, dx: Any, pieces: int, axis: int) -> Bound:
    run = kernel(dy, "maxout.cu", f"maxout_backward<{c_type(dy.dtype)}>")
    return run.bind((-(-dy.size // THREADS),), (THREADS,), dy, which, dx, dy.size, pieces, prod(dx.shape[axis + 1 :]))
