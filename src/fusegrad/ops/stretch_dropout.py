"""Dropout of whole stretches: channels of an image, or samples of a residual branch.

Shapes: x, y, dy, dx (*stretches, …), of which mask (*stretches), uint8, 1 where all elements of a stretch are kept, has
the first axes.  seed, step: 0-d; node: int.  The draw for a stretch depends on (seed, step, node, its index) alone, so
every backend drops the same ones.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.backend import random
from fusegrad.backend.kernels import kernel
from fusegrad.backend.random_kernels import coordinates
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import rows_by_columns
from fusegrad.ops.op import Bound, bound_op, in_turn


@bound_op
def forward(evaluator: str, x: Any, y: Any, mask: Any, seed: Any, step: Any, node: int, rate: float) -> Bound:
    """y = x mask / (1 - rate)."""
    return in_turn([partial(random.keep, mask, seed, step, node, rate), backward.bound(evaluator, x, mask, y, rate)])


@bound_op
def backward(evaluator: str, dy: Any, mask: Any, dx: Any, rate: float) -> Bound:
    """dx = dy mask / (1 - rate)."""
    count, length = sizes(dy, mask)
    factors = np.empty((count, 1), dy.dtype)
    return partial(scale, dy.reshape(count, length), mask.reshape(count, 1), 1 / (1 - rate), factors, dx)


def scale(dy: Any, mask: Any, by: float, factors: Any, dx: Any) -> None:
    np.multiply(mask, by, out=factors)
    np.multiply(dy, factors, out=dx.reshape(dy.shape))


@forward.cuda
def launch_forward(x: Any, y: Any, mask: Any, seed: Any, step: Any, node: int, rate: float) -> Bound:
    run = kernel(x, "stretch_dropout.cu", f"stretch_dropout_forward<{c_type(x.dtype)}>")
    draw = (*coordinates(seed, step, node), random.threshold(rate), 1 / (1 - rate))
    count, length = sizes(x, mask)
    return run.bind(*rows_by_columns(count, length), x, y, mask, count, length, *draw)


@backward.cuda
def launch_backward(dy: Any, mask: Any, dx: Any, rate: float) -> Bound:
    run = kernel(dy, "stretch_dropout.cu", f"stretch_dropout_backward<{c_type(dy.dtype)}>")
    count, length = sizes(dy, mask)
    return run.bind(*rows_by_columns(count, length), dy, mask, dx, count, length, 1 / (1 - rate))


def sizes(x: Any, mask: Any) -> tuple[int, int]:
    """The number of stretches and the elements of one."""
    return mask.size, x.size // max(1, mask.size)


forward.in_place, backward.in_place = {"y": ("x",)}, {"dx": ("dy",)}
