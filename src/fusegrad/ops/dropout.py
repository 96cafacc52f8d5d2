"""Inverted dropout from counter-based randomness (Srivastava et al., 2014, JMLR 15).

Shapes: x, y, dy, dx, mask of one shape; mask uint8, 1 where an element is kept.  seed, step: 0-d; node: int.
The draw for an element depends on (seed, step, node, its index) alone, so every backend drops the same elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.backend import random
from fusegrad.backend.kernels import kernel
from fusegrad.backend.random_kernels import THREADS, blocks, coordinates
from fusegrad.backend.signature import c_type
from fusegrad.ops.op import Bound, op


@op
def forward(x: Any, y: Any, mask: Any, seed: Any, step: Any, node: int, rate: float) -> None:
    """y = x mask / (1 - rate)."""
    random.keep(mask, seed, step, node, rate)
    np.multiply(x, mask, out=y)
    np.multiply(y, 1 / (1 - rate), out=y)


@forward.cuda
def launch_forward(x: Any, y: Any, mask: Any, seed: Any, step: Any, node: int, rate: float) -> Bound:
    run = kernel(x, "dropout.cu", f"dropout_forward<{c_type(x.dtype)}>")
    draw = (*coordinates(seed, step, node), random.threshold(rate), 1 / (1 - rate))
    return run.bind(blocks(x.size), (THREADS,), x, y, mask, x.size, *draw)


@op
def backward(dy: Any, mask: Any, dx: Any, rate: float) -> None:
    """dx = dy mask / (1 - rate)."""
    np.multiply(dy, mask, out=dx)
    np.multiply(dx, 1 / (1 - rate), out=dx)


@backward.cuda
def launch_backward(dy: Any, mask: Any, dx: Any, rate: float) -> Bound:
    run = kernel(dy, "dropout.cu", f"dropout_backward<{c_type(dy.dtype)}>")
    return run.bind(blocks(dy.size), (THREADS,), dy, mask, dx, dy.size, 1 / (1 - rate))


forward.in_place, backward.in_place = {"y": ("x",)}, {"dx": ("dy",)}
