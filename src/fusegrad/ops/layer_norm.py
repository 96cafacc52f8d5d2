"""LayerNorm over the last axis (Ba et al., 2016, arXiv:1607.06450), alone or behind a residual connection.

Shapes: x, y, dy, dx, and so residual, total, dtotal and dresidual (…, width); gamma, beta, dgamma, dbeta (width,);
mean, rstd (…), float32 where x is float16 or bfloat16.  gamma and beta are None where there is none, and so are
gradients that nobody needs, and dtotal where none arrives.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.ops.grids import THREADS
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.row_blocks import block_shape, blocks, put, put_rstd
from fusegrad.ops.row_kernels import bind_gradients, fitting, rows_of
from fusegrad.ops.thread_space import with_space

FILE = "layer_norm.cu"


@bound_op
def forward(evaluator: str, x: Any, gamma: Any, beta: Any, y: Any, mean: Any, rstd: Any, *, eps: float) -> Bound:
    """y = (x - mean) rstd gamma + beta, rstd = 1 / sqrt(mean of (x - mean)² + eps)."""
    parts = blocks(x, y, mean[..., None], rstd[..., None])
    return in_turn([partial(normalise, *part, gamma=gamma, beta=beta, eps=eps) for part in parts])


@bound_op
def forward_residual(
    evaluator: str,
    x: Any,
    residual: Any,
    gamma: Any,
    beta: Any,
    total: Any,
    y: Any,
    mean: Any,
    rstd: Any,
    *,
    eps: float,
) -> Bound:
    """total = x + residual; y = (total - mean) rstd gamma + beta, with mean and rstd of total."""
    adding = partial(np.add, x, residual, out=total)
    return in_turn([adding, forward.bound(evaluator, total, gamma, beta, y, mean, rstd, eps=eps)])


@bound_op
def backward(
    evaluator: str,
    dy: Any,
    x: Any,
    gamma: Any,
    mean: Any,
    rstd: Any,
    dx: Any,
    dgamma: Any,
    dbeta: Any,
    *,
    add_dx: bool = False,
    add_dgamma: bool = False,
    add_dbeta: bool = False,
) -> Bound:
    """dx = rstd (g - mean(g) - n mean(g n)), dgamma = Σ dy n, dbeta = Σ dy, for n = (x - mean) rstd, g = dy gamma."""
    adds = {"add_dx": add_dx, "add_dgamma": add_dgamma, "add_dbeta": add_dbeta}
    return backward_residual.bound(evaluator, dy, None, x, gamma, mean, rstd, dx, None, dgamma, dbeta, **adds)


@bound_op
def backward_residual(
    evaluator: str,
    dy: Any,
    dtotal: Any,
    total: Any,
    gamma: Any,
    mean: Any,
    rstd: Any,
    dx: Any,
    dresidual: Any,
    dgamma: Any,
    dbeta: Any,
    *,
    add_dx: bool = False,
    add_dresidual: bool = False,
    add_dgamma: bool = False,
    add_dbeta: bool = False,
) -> Bound:
    """dx = dresidual = dtotal + the dx of `backward` for x = total; dtotal comes from whatever else reads total."""
    clearing = [
        partial(gradient.fill, 0)
        for gradient, add in ((dgamma, add_dgamma), (dbeta, add_dbeta))
        if gradient is not None and not add
    ]
    options = {
        "gamma": gamma,
        "dgamma": dgamma,
        "dbeta": dbeta,
        "add_dx": add_dx,
        "add_dresidual": add_dresidual,
    }
    parts = list(blocks(total, dy, dtotal, mean[..., None], rstd[..., None], dx, dresidual))

    def bind(space: Any) -> Bound:
        normal, slope = space
        return in_turn(
            [*clearing, *(partial(differentiate, *part, normal=normal, slope=slope, **options) for part in parts)]
        )

    return with_space(total, bind, ((2, *block_shape(total)), total.dtype))


def normalise(x: Any, y: Any, mean: Any, rstd: Any, *, gamma: Any, beta: Any, eps: float) -> None:
    """Some rows; mean and rstd are columns."""
    np.mean(x, axis=1, keepdims=True, out=mean)
    np.subtract(x, mean, out=y)
    np.vecdot(y, y, out=rstd[:, 0])
    put_rstd(rstd, x.shape[1], eps)
    np.multiply(y, rstd, out=y)
    if gamma is not None:
        np.multiply(y, gamma, out=y)
    if beta is not None:
        np.add(y, beta, out=y)


def differentiate(
    x: Any,
    dy: Any,
    dtotal: Any,
    mean: Any,
    rstd: Any,
    dx: Any,
    dresidual: Any,
    *,
    normal: Any,
    slope: Any,
    gamma: Any,
    dgamma: Any,
    dbeta: Any,
    add_dx: bool,
    add_dresidual: bool,
) -> None:
    """Some rows, whose terms are added to dgamma and dbeta; `normal` and `slope` are space for as many or more."""
    normal, slope = normal[: len(x)], slope[: len(x)]
    np.subtract(x, mean, out=normal)
    np.multiply(normal, rstd, out=normal)
    if dgamma is not None:
        np.multiply(dy, normal, out=slope)
        np.add(dgamma, slope.sum(axis=0), out=dgamma)
    if dbeta is not None:
        np.add(dbeta, dy.sum(axis=0), out=dbeta)
    np.multiply(dy, 1 if gamma is None else gamma, out=slope)
    np.multiply(normal, np.vecdot(slope, normal)[:, None] / x.shape[1], out=normal)
    np.add(normal, slope.mean(axis=1, keepdims=True), out=normal)
    np.subtract(slope, normal, out=slope)
    np.multiply(slope, rstd, out=slope)
    if dtotal is not None:
        np.add(slope, dtotal, out=slope)
    put(dx, slope, add_dx)
    put(dresidual, slope, add_dresidual)


@forward.cuda
def launch_forward(x: Any, gamma: Any, beta: Any, y: Any, mean: Any, rstd: Any, *, eps: float) -> Bound:
    return launch_forward_residual(x, None, gamma, beta, None, y, mean, rstd, eps=eps)


@forward_residual.cuda
def launch_forward_residual(
    x: Any, residual: Any, gamma: Any, beta: Any, total: Any, y: Any, mean: Any, rstd: Any, *, eps: float
) -> Bound:
    rows = rows_of(x, residual, gamma, beta, total, y)
    run = rows.kernel(FILE, "layer_norm_forward")
    (kept,) = fitting(run, rows.bytes_of(1, x.itemsize))
    arrays = x, residual, gamma, beta, total, y, mean, rstd
    return run.bind((rows.blocks,), (THREADS,), *arrays, rows.count, rows.width, eps, kept > 0, shared_bytes=kept)


@backward.cuda
def launch_backward(
    dy: Any, x: Any, gamma: Any, mean: Any, rstd: Any, dx: Any, dgamma: Any, dbeta: Any, **adds: bool
) -> Bound:
    return launch_backward_residual(
        dy, None, x, gamma, mean, rstd, dx, None, dgamma, dbeta, add_dresidual=False, **adds
    )


@backward_residual.cuda
def launch_backward_residual(
    dy: Any,
    dtotal: Any,
    total: Any,
    gamma: Any,
    mean: Any,
    rstd: Any,
    dx: Any,
    dresidual: Any,
    dgamma: Any,
    dbeta: Any,
    *,
    add_dx: bool,
    add_dresidual: bool,
    add_dgamma: bool,
    add_dbeta: bool,
) -> Bound:
    given = (dy, dtotal), total, (gamma, mean, rstd), (dx, dresidual), (dgamma, dbeta)
    adds = (add_dx, add_dresidual), (add_dgamma, add_dbeta)
    return bind_gradients(FILE, "layer_norm_backward", *given, *adds)
