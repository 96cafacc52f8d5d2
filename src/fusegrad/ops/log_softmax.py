"""Softmax over the last axis and its logarithm (kernels: Milakov and Gimelshein, 2018, arXiv:1805.02867).

Shapes: x, y, dy, dx (…, width), each in memory of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import teams
from fusegrad.ops.op import Bound, bound_op
from fusegrad.ops.shape import rows


@bound_op
def forward(evaluator: str, x: Any, y: Any) -> Bound:
    """y = x - max - log Σ exp(x - max)."""
    return bound(put_log_softmax, 2, x, y)


@bound_op
def backward(evaluator: str, dy: Any, y: Any, dx: Any) -> Bound:
    """dx = dy - exp(y) Σ dy."""
    return bound(put_log_gradient, 1, dy, y, dx)


@bound_op
def softmax_forward(evaluator: str, x: Any, y: Any) -> Bound:
    """y = exp(x - max) / Σ exp(x - max)."""
    return bound(put_softmax, 2, x, y)


@bound_op
def softmax_backward(evaluator: str, dy: Any, y: Any, dx: Any) -> Bound:
    """dx = y (dy - Σ y dy)."""
    return bound(put_gradient, 1, dy, y, dx)


def bound(put: Callable[..., None], spaces: int, *arrays: Any) -> Bound:
    """A reference on rows, with space for `spaces` columns."""
    matrices = [rows(array) for array in arrays]
    return partial(put, *matrices, *np.empty((spaces, len(matrices[0]), 1), matrices[0].dtype))


def put_log_softmax(x: Any, y: Any, peaks: Any, sums: Any) -> None:
    put_exponentials(x, y, peaks, sums)
    np.log(sums, out=sums)
    np.subtract(x, peaks, out=y)  # first: the sum of peak and log would lose digits beside large logits
    np.subtract(y, sums, out=y)


def put_log_gradient(dy: Any, y: Any, dx: Any, sums: Any) -> None:
    dy.sum(1, keepdims=True, out=sums)
    np.exp(y, out=dx)
    np.multiply(dx, sums, out=dx)
    np.subtract(dy, dx, out=dx)


def put_softmax(x: Any, y: Any, peaks: Any, sums: Any) -> None:
    put_exponentials(x, y, peaks, sums)
    np.divide(y, sums, out=y)


def put_gradient(dy: Any, y: Any, dx: Any, sums: Any) -> None:
    np.multiply(y, dy, out=dx)
    dx.sum(1, keepdims=True, out=sums)
    np.subtract(dy, sums, out=dx)
    np.multiply(dx, y, out=dx)


def put_exponentials(x: Any, y: Any, peaks: Any, sums: Any) -> None:
    """y = exp(x - the largest number of the row), and its sums."""
    x.max(1, keepdims=True, out=peaks)
    np.subtract(x, peaks, out=y)
    np.exp(y, out=y)
    y.sum(1, keepdims=True, out=sums)


@forward.cuda
def launch_forward(x: Any, y: Any) -> Bound:
    return launch("log_softmax_forward", x, y)


@backward.cuda
def launch_backward(dy: Any, y: Any, dx: Any) -> Bound:
    return launch("log_softmax_backward", dy, y, dx)


@softmax_forward.cuda
def launch_softmax_forward(x: Any, y: Any) -> Bound:
    return launch("softmax_forward", x, y)


@softmax_backward.cuda
def launch_softmax_backward(dy: Any, y: Any, dx: Any) -> Bound:
    return launch("softmax_backward", dy, y, dx)


def launch(name: str, *arrays: Any) -> Bound:
    """The kernel of that name on arrays of one shape."""
    count, width = prod(arrays[0].shape[:-1]), arrays[0].shape[-1]
    share = teams(count, width)
    run = kernel(arrays[0], "log_softmax.cu", f"{name}<{c_type(arrays[0].dtype)}, {share.size}>")
    return run.bind(share.grid, share.block, *arrays, count, width)
