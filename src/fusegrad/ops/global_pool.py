"""One number for each plane: its mean, or its largest element.

Shapes: x, dx (batch, channels, *extents); y, dy, places (batch, channels), with or without axes of one element behind.
Planes have at least one element; places, where in its plane the largest element is, are int64.  The first counts of
several that are largest, and NaN is larger than all numbers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops import reduction
from fusegrad.ops.grids import THREADS, WARP
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.overlap import flat

FILE = "global_pool.cu"


@bound_op
def mean(evaluator: str, x: Any, y: Any) -> Bound:
    """y = the mean of each plane."""
    rows = flat(x)
    if evaluator == "numba" and x.dtype == "float32":
        from fusegrad.ops.global_pool_loops import bind_mean  # here, since only who has Numba needs it

        return bind_mean(rows, y.reshape(-1))
    return reduction.total.bound(evaluator, rows, y.reshape(-1), axis=(1,), scale=1 / rows.shape[1])


@bound_op
def mean_backward(evaluator: str, dy: Any, dx: Any) -> Bound:
    """dx = dy / the size of a plane."""
    rows = flat(dx)
    if evaluator == "numba" and dy.dtype == "float32":
        from fusegrad.ops.global_pool_loops import bind_mean_backward

        return bind_mean_backward(dy.reshape(-1), rows)
    return reduction.total_backward.bound(evaluator, dy.reshape(-1), rows, axis=(1,), scale=1 / rows.shape[1])


@bound_op
def predict_largest(evaluator: str, x: Any, y: Any) -> Bound:
    """y = the largest element of each plane."""
    return partial(np.max, flat(x), axis=1, out=y.reshape(-1))


@bound_op
def largest(evaluator: str, x: Any, y: Any, places: Any) -> Bound:
    """y = the largest element of each plane, places = where in it."""
    if evaluator == "numba" and x.dtype == "float32":
        from fusegrad.ops.global_pool_loops import bind_largest

        return bind_largest(flat(x), y.reshape(-1), places.reshape(-1))
    finding = partial(put_places, flat(x), places.reshape(-1))
    return in_turn([predict_largest.bound(evaluator, x, y), finding])


@bound_op
def largest_backward(evaluator: str, dy: Any, places: Any, dx: Any) -> Bound:
    """dx = dy at the places, and 0 elsewhere."""
    rows = flat(dx)
    starts, numbers = np.arange(len(rows)) * rows.shape[1], np.empty(len(rows), "int64")
    return partial(put_at_places, dy.reshape(-1), places.reshape(-1), dx.reshape(-1), starts, numbers)


def put_places(x: Any, places: Any) -> None:
    np.argmax(x, axis=1, out=places)


def put_at_places(dy: Any, places: Any, dx: Any, starts: Any, numbers: Any) -> None:
    np.add(places, starts, out=numbers)
    dx.fill(0)
    dx[numbers] = dy


@predict_largest.cuda
def launch_predict_largest(x: Any, y: Any) -> Bound:
    return launch_largest(x, y, None)


@largest.cuda
def launch_largest(x: Any, y: Any, places: Any) -> Bound:
    count, size = flat(x).shape
    run = kernel(x, FILE, f"global_pool_largest<{c_type(x.dtype)}>")
    return run.bind((-(-count // (THREADS // WARP)),), (THREADS,), x, y, places, count, size)


@largest_backward.cuda
def launch_largest_backward(dy: Any, places: Any, dx: Any) -> Bound:
    _, size = flat(dx).shape
    run = kernel(dy, FILE, f"global_pool_largest_backward<{c_type(dy.dtype)}>")
    return run.bind((-(-dx.size // THREADS),), (THREADS,), dy, places, dx, dx.size, size)
