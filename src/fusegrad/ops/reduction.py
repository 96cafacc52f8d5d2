"""Sums over axes: x, dx of any shape; y, dy with the summed axes left out, or kept as 1."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.ops.grids import FILLING, THREADS, WORTH_A_BLOCK, elements_at_once
from fusegrad.ops.op import Bound, bound_op, in_turn

FILE = "reduction.cu"
LEAST_OF_COLUMN = 256  # elements that are worth a block of their own
SHORT, NARROW = 8, 1024  # rows that one thread adds, and that a warp adds
Axis = tuple[int, ...]
Step = tuple[int, int, int]  # outer, length, inner: the sum is over the middle one


@bound_op
def total(evaluator: str, x: Any, y: Any, axis: Axis, scale: float) -> Bound:
    """y = scale · the sum of x over `axis`."""
    return partial(put_total, x, y.reshape(kept(x.shape, axis)), axis, scale)


@bound_op
def total_backward(evaluator: str, dy: Any, dx: Any, axis: Axis, scale: float) -> Bound:
    """dx = scale dy, spread over the summed axes."""
    return partial(np.multiply, dy.reshape(kept(dx.shape, axis)), scale, dx)


def put_total(x: Any, y: Any, axis: Axis, scale: float) -> None:
    x.sum(axis=axis, keepdims=True, out=y)
    if scale != 1:
        np.multiply(y, scale, out=y)


def kept(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape with the summed axes as 1."""
    summed = {number % len(shape) for number in axis}
    return tuple(1 if number in summed else extent for number, extent in enumerate(shape))


@total.cuda
def launch_total(x: Any, y: Any, axis: Axis, scale: float, add: bool = False) -> Bound:
    *first, (outer, length, inner) = steps(x.shape, axis)
    source, calls = x, []
    for step in first:
        target = namespace(x).empty(step[0] * step[2], accumulated(x.dtype))
        calls.append(launch_sums(source, target, outer=step[0], length=step[1], inner=step[2]))
        source = target
    return in_turn([*calls, launch_sums(source, y, outer=outer, length=length, inner=inner, scale=scale, add=add)])


@total_backward.cuda
def launch_total_backward(dy: Any, dx: Any, axis: Axis, scale: float) -> Bound:
    last, *first = steps(dx.shape, axis)
    source, calls = dy, []
    for step in reversed(first):
        target = namespace(dy).empty(prod(step), dy.dtype)
        calls.append(launch_spread(source, target, step, scale=1.0))
        source = target
    return in_turn([*calls, launch_spread(source, dx, last, scale)])


def launch_sums(x: Any, y: Any, *, outer: int, length: int, inner: int, scale: float = 1.0, add: bool = False) -> Bound:
    """Bind y = scale Σ x over the middle axis, or y += that, for contiguous x (outer, length, inner), y (outer, inner).

    float16 and bfloat16 are summed in float32, and only they may have a y, or an x, of float32.  The shape alone
    decides how the sum is split over blocks, and with that the order of additions.
    """
    blocks, least = (outer, WORTH_A_BLOCK) if inner == 1 else (outer * -(-inner // 32), LEAST_OF_COLUMN)
    pieces, chunk = split(length, blocks, least)
    bind = bind_rows if inner == 1 else bind_columns
    if pieces == 1:
        return bind(x, y, (outer, length, inner), pieces, chunk, scale, add)
    parts = namespace(x).empty((outer, pieces, inner), accumulated(x.dtype))
    first = bind(x, parts, (outer, length, inner), pieces, chunk, 1.0, False)
    return in_turn([first, launch_sums(parts, y, outer=outer, length=pieces, inner=inner, scale=scale, add=add)])


def bind_rows(x: Any, y: Any, step: Step, pieces: int, chunk: int, scale: float, add: bool) -> Bound:
    """The sums of the pieces of all rows, y (outer, pieces)."""
    outer, length, _ = step
    sums, lanes = outer * pieces, 1 if length <= SHORT else 32 if length <= NARROW else THREADS
    run = kernel(x, FILE, f"reduction_rows<{c_type(x.dtype)}, {c_type(y.dtype)}, {lanes}>")
    grid = -(-sums // (THREADS // lanes))
    return run.bind((grid,), (THREADS,), x, y, sums, pieces, length, chunk, scale, add)


def bind_columns(x: Any, y: Any, step: Step, pieces: int, chunk: int, scale: float, add: bool) -> Bound:
    """The sums of the pieces of all columns, y (outer, pieces, inner)."""
    outer, length, inner = step
    columns = 8 if inner <= 8 else 32
    tiles = -(-inner // columns)
    run = kernel(x, FILE, f"reduction_columns<{c_type(x.dtype)}, {c_type(y.dtype)}, {columns}>")
    return run.bind((outer * pieces * tiles,), (THREADS,), x, y, tiles, pieces, length, chunk, inner, scale, add)


def launch_spread(dy: Any, dx: Any, step: Step, scale: float) -> Bound:
    """Bind dx (outer, length, inner) = scale · dy (outer, inner)."""
    size, (_, length, inner) = prod(step), step
    index = "unsigned" if size < 2**31 else "unsigned long long"
    at_once = elements_at_once(length, dx) if inner == 1 else elements_at_once(inner, dx, dy)
    run = kernel(dy, FILE, f"reduction_spread<{c_type(dy.dtype)}, {index}, {at_once}>")
    return run.bind((-(-size // (at_once * THREADS)),), (THREADS,), dy, dx, size, length, inner, scale)


def split(length: int, blocks: int, least: int) -> tuple[int, int]:
    """Into how many pieces a sum is split, and their length: a multiple of 16, which keeps them aligned."""
    wanted = min(FILLING // max(1, blocks), -(-length // least))
    chunk = max(1, -(-length // max(1, wanted)))
    chunk = -(-chunk // 16) * 16
    return max(1, -(-length // chunk)), chunk


def steps(shape: tuple[int, ...], axis: Axis) -> list[Step]:
    """Sums over one axis that, one after the other, are the sum over `axis`, the longest first; at least one."""
    summed = {number % len(shape) for number in axis}
    merged: list[tuple[int, bool]] = []  # the axes, of which neighbours that are summed, or kept, count as one
    for number, extent in enumerate(shape):
        if merged and merged[-1][1] == (number in summed):
            merged[-1] = merged[-1][0] * extent, number in summed
        elif extent != 1:
            merged.append((extent, number in summed))
    result = []
    for number in sorted(range(len(merged)), key=lambda number: -merged[number][0]):
        length, is_summed = merged[number]
        if is_summed:
            outer, inner = (prod(extent for extent, _ in part) for part in (merged[:number], merged[number + 1 :]))
            result.append((outer, length, inner))
            merged[number] = 1, True
    return result or [(prod(shape), 1, 1)]
