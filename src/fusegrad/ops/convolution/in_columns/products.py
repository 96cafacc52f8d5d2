"""The three products as products of matrices, block by block, with columns as one of the factors.

A block has as many columns as fit BUDGET, so that they stay in a cache, or as many elements as the weight has, which
every block reads; and at least one row of places of one sample.  A thread has space for one block and a copy of the
weight, which convolutions share (see `space`); what a block needs in it is prepared once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.ops.convolution import space
from fusegrad.ops.convolution.in_columns.axes import Axes, parts, reading
from fusegrad.ops.convolution.in_columns.blocks import Block, blocks
from fusegrad.ops.convolution.in_columns.columns import Columns
from fusegrad.ops.matmul import matmul
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.row_blocks import put
from fusegrad.ops.window import Window

BUDGET = 3 << 18  # bytes


class BlockByBlock(threading.local):
    """One call for all blocks, each of which is prepared in every thread that makes it."""

    def __init__(self, blocks: list[Block], prepared: Callable[[Block], Bound]) -> None:
        self.calls = [prepared(block) for block in blocks]

    def __call__(self) -> None:
        for call in self.calls:
            call()


def bind_correlation(x: Any, weight: Any, y: Any, window: Window, groups: int, add: bool) -> Bound:
    """y = x * weight, or y += that."""
    of_groups = divided(weight, groups)
    if is_plain(window):
        return matmul.bound("numpy", matrices(of_groups), planes(x, groups), planes(y, groups), add)
    return gathered(of_groups, x, y, reading(window, x.shape[2:], y.shape[2:]), add)


def bind_input_gradient(dy: Any, weight: Any, dx: Any, window: Window, groups: int, add: bool) -> Bound:
    """dx = the gradient of x * weight by x for dy, or dx += that; part by part, each a correlation with some taps."""
    of_groups = divided(weight, groups)
    if is_plain(window):
        turned = matrices(of_groups).swapaxes(1, 2)
        return matmul.bound("numpy", turned, planes(dy, groups), planes(dx, groups), add)
    found = list(parts(window, dx.shape[2:], dy.shape[2:]))
    is_whole = sum(prod(axis.places for axis in part.axes) for part in found) == prod(dx.shape[2:])
    calls: list[Bound] = [] if add or is_whole else [partial(dx.fill, 0)]
    for part in found:
        with_taps = of_groups.swapaxes(1, 2)[(..., *part.taps)]
        calls.append(gathered(with_taps, dy, dx[(..., *part.places)], part.axes, add))
    return in_turn(calls)


def bind_weight_gradient(dy: Any, x: Any, dweight: Any, window: Window, groups: int, add: bool) -> Bound:
    """dweight = the gradient of x * weight by weight for dy, or dweight += that."""
    adding = weighed(dy, x, divided(dweight, groups), reading(window, x.shape[2:], dy.shape[2:]))
    return adding if add else in_turn([partial(dweight.fill, 0), adding])


def gathered(weight: Any, source: Any, result: Any, axes: Axes, add: bool) -> Bound:
    """result = weight · columns of the source, or += that, for weight (groups, rows, channels, *taps)."""
    groups, rows = len(weight), result.shape[1]

    def prepared(block: Block) -> Bound:
        layout = block.layout
        wanted = [(layout.padded, source.dtype), (layout.columns, source.dtype), (layout.result(rows), result.dtype)]
        *spaces, product, packed = space.arrays(*wanted, (weight.shape, weight.dtype))
        columns = Columns(layout, *spaces)
        found = product[(..., *layout.within)].swapaxes(0, 1)
        multiply = matmul.bound("numpy", matrices(packed), columns.matrices(groups), by_groups(product, groups))

        def run() -> None:
            np.copyto(packed, weight)
            columns.clear()
            for samples in block.samples:
                columns.fill(source[samples])
                multiply()
                put(result[samples, :, block.places], found, add)

        return run

    return BlockByBlock(blocks(axes, source.shape[1], len(source), rows, room(weight)), prepared)


def weighed(dy: Any, source: Any, dweight: Any, axes: Axes) -> Bound:
    """dweight (groups, rows, channels, *taps) += dy · columns of the source, transposed."""
    groups, rows = len(dweight), dy.shape[1]

    def prepared(block: Block) -> Bound:
        layout = block.layout
        wanted = layout.padded, layout.columns, layout.result(rows)
        *spaces, spaced = space.arrays(*((shape, source.dtype) for shape in wanted))
        columns = Columns(layout, *spaces)
        places = spaced[(..., *layout.within)].swapaxes(0, 1)
        factors = by_groups(spaced, groups), columns.matrices(groups).swapaxes(1, 2)
        multiply = matmul.bound("numpy", *factors, matrices(dweight), add=True)

        def run() -> None:
            columns.clear()
            spaced.fill(0)
            for samples in block.samples:
                columns.fill(source[samples])
                columns.clear_between()
                np.copyto(places, dy[samples, :, block.places])
                multiply()

        return run

    return BlockByBlock(blocks(axes, source.shape[1], len(source), rows, room(dweight)), prepared)


def room(weight: Any) -> int:
    """Elements that a block may have."""
    return max(BUDGET // int(weight.itemsize), int(weight.size))


def is_plain(window: Window) -> bool:
    """Whether every window is one element, and every element one window."""
    return window == Window(*((1,) * window.rank,) * 3, ((0, 0),) * window.rank)


def divided(weight: Any, groups: int) -> Any:
    """(rows, channels, *taps) seen as (groups, rows, channels, *taps)."""
    return weight.reshape(groups, len(weight) // groups, *weight.shape[1:])


def matrices(weight: Any) -> Any:
    """(groups, rows, channels, *taps) seen as (groups, rows, columns)."""
    return weight.reshape(*weight.shape[:2], prod(weight.shape[2:]))


def planes(x: Any, groups: int) -> Any:
    """(batch, channels, *extents) seen as (batch, groups, rows, columns)."""
    return x.reshape(len(x), groups, x.shape[1] // groups, prod(x.shape[2:]))


def by_groups(result: Any, groups: int) -> Any:
    """(rows of all groups, samples, *grid) seen as (groups, rows, places)."""
    return result.reshape(groups, len(result) // groups, prod(result.shape[1:]))
