"""Softmax over an axis and its logarithm (kernels: Milakov and Gimelshein, 2018, arXiv:1805.02867).

Shapes: x, y, dy, dx (*before, width, *after), each in memory of its own.  The axis is the last one by default.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import teams
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.transpose import transpose


@bound_op
def forward(evaluator: str, x: Any, y: Any, axis: int = -1) -> Bound:
    """y = x - max - log Σ exp(x - max)."""
    return bound(put_log_softmax, 2, axis, x, y)


@bound_op
def backward(evaluator: str, dy: Any, y: Any, dx: Any, axis: int = -1) -> Bound:
    """dx = dy - exp(y) Σ dy."""
    return bound(put_log_gradient, 1, axis, dy, y, dx)


@bound_op
def softmax_forward(evaluator: str, x: Any, y: Any, axis: int = -1) -> Bound:
    """y = exp(x - max) / Σ exp(x - max)."""
    return bound(put_softmax, 2, axis, x, y)


@bound_op
def softmax_backward(evaluator: str, dy: Any, y: Any, dx: Any, axis: int = -1) -> Bound:
    """dx = y (dy - Σ y dy)."""
    return bound(put_gradient, 1, axis, dy, y, dx)


def bound(put: Callable[..., None], spaces: int, axis: int, *arrays: Any) -> Bound:
    """A reference on (before, width, *after), with space for so many arrays (before, 1, *after)."""
    before, width, after = cut(arrays[0].shape, axis)
    behind = () if after == 1 else (after,)
    stacks = [array.reshape(before, width, *behind) for array in arrays]
    return partial(put, *stacks, *np.empty((spaces, before, 1, *behind), arrays[0].dtype))


def cut(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """The extents before an axis joined, its own, and those after it joined."""
    axis %= len(shape)
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])


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
    """y = exp(x - the largest number along the axis), and its sums."""
    x.max(1, keepdims=True, out=peaks)
    np.subtract(x, peaks, out=y)
    np.exp(y, out=y)
    y.sum(1, keepdims=True, out=sums)


@forward.cuda
def launch_forward(x: Any, y: Any, axis: int = -1) -> Bound:
    return launch_along("log_softmax_forward", axis, [x], y)


@backward.cuda
def launch_backward(dy: Any, y: Any, dx: Any, axis: int = -1) -> Bound:
    return launch_along("log_softmax_backward", axis, [dy, y], dx)


@softmax_forward.cuda
def launch_softmax_forward(x: Any, y: Any, axis: int = -1) -> Bound:
    return launch_along("softmax_forward", axis, [x], y)


@softmax_backward.cuda
def launch_softmax_backward(dy: Any, y: Any, dx: Any, axis: int = -1) -> Bound:
    return launch_along("softmax_backward", axis, [dy, y], dx)


def launch_along(name: str, axis: int, given: list[Any], result: Any) -> Bound:
    """The kernel of that name along an axis; one that others follow becomes the last one of copies and comes back."""
    before, width, after = cut(result.shape, axis)
    if after == 1:
        return launch(name, *given, result)
    space = namespace(result).empty
    *turned, made = (space((before, after, width), result.dtype) for _ in (*given, result))
    there = [turn(array, (before, width, after), copy) for array, copy in zip(given, turned, strict=True)]
    return in_turn([*there, launch(name, *turned, made), turn(made, made.shape, result)])


def turn(x: Any, shape: tuple[int, int, int], y: Any) -> Bound:
    """y = x with the last two of three axes exchanged."""
    return transpose.bound("cuda", x.reshape(shape), y, (0, 2, 1))


def launch(name: str, *arrays: Any) -> Bound:
    """The kernel of that name on arrays of one shape."""
    count, width = prod(arrays[0].shape[:-1]), arrays[0].shape[-1]
    share = teams(count, width)
    run = kernel(arrays[0], "log_softmax.cu", f"{name}<{c_type(arrays[0].dtype)}, {share.size}>")
    return run.bind(share.grid, share.block, *arrays, count, width)
