"""Random draws as ops: x, y of any one shape; seed, step 0-d; node int.

A draw is a function of (seed, step, node, index) alone, so a backward pass draws again what the forward pass drew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.backend import random
from fusegrad.backend.kernels import kernel
from fusegrad.backend.random_kernels import THREADS, bind_normal, blocks, coordinates
from fusegrad.backend.signature import c_type
from fusegrad.ops.op import Bound, bound_op, op


@op
def normal(y: Any, seed: Any, step: Any, node: int, mean: float, std: float) -> None:
    """y ~ N(mean, std²)."""
    random.normal(y, seed, step, node)
    np.multiply(y, std, out=y)
    np.add(y, mean, out=y)


@normal.cuda
def launch(y: Any, seed: Any, step: Any, node: int, mean: float, std: float) -> Bound:
    return bind_normal(y, seed, step, node, mean=mean, std=std)


@op
def plus(x: Any, y: Any, seed: Any, step: Any, node: int, std: float) -> None:
    """y = x + std z with z ~ N(0, 1)."""
    random.normal(y, seed, step, node)
    np.multiply(y, std, out=y)
    np.add(y, x, out=y)


@plus.cuda
def launch_plus(x: Any, y: Any, seed: Any, step: Any, node: int, std: float) -> Bound:
    return launch_upon("noise_plus", x, y, seed, step, node, std)


@op
def times(x: Any, y: Any, seed: Any, step: Any, node: int, std: float) -> None:
    """y = x (1 + std z) with z ~ N(0, 1)."""
    random.normal(y, seed, step, node)
    np.multiply(y, std, out=y)
    np.add(y, 1, out=y)
    np.multiply(y, x, out=y)


@times.cuda
def launch_times(x: Any, y: Any, seed: Any, step: Any, node: int, std: float) -> Bound:
    return launch_upon("noise_times", x, y, seed, step, node, std)


@bound_op
def times_backward(evaluator: str, dy: Any, dx: Any, seed: Any, step: Any, node: int, std: float) -> Bound:
    """dx = dy (1 + std z), with the z of `times`."""
    return times.bound(evaluator, dy, dx, seed, step, node, std)


def launch_upon(name: str, x: Any, y: Any, seed: Any, step: Any, node: int, std: float) -> Bound:
    run = kernel(x, "noise.cu", f"{name}<{c_type(x.dtype)}>")
    return run.bind(blocks(x.size), (THREADS,), x, y, x.size, *coordinates(seed, step, node), std)
