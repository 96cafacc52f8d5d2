"""RMSNorm over the last axis (Zhang & Sennrich, 2019, arXiv:1910.07467), alone or behind a residual connection.

Shapes: x, y, dy, dx, and so residual, total, dtotal and dresidual (…, width); gamma, dgamma (width,); rstd (…), float32
where x is float16 or bfloat16.  gamma is None where there is none, and so are gradients that nobody needs, and dtotal
where none arrives.
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

FILE = "rms_norm.cu"


@bound_op
def forward(evaluator: str, x: Any, gamma: Any, y: Any, rstd: Any, *, eps: float) -> Bound:
    """y = x rstd gamma, rstd = 1 / sqrt(mean of x² + eps)."""
    return in_turn([partial(normalise, *part, gamma=gamma, eps=eps) for part in blocks(x, y, rstd[..., None])])


@bound_op
def forward_residual(
    evaluator: str, x: Any, residual: Any, gamma: Any, total: Any, y: Any, rstd: Any, *, eps: float
) -> Bound:
    """total = x + residual; y = total rstd gamma, with rstd of total."""
    adding = partial(np.add, x, residual, out=total)
    return in_turn([adding, forward.bound(evaluator, total, gamma, y, rstd, eps=eps)])


@bound_op
def backward(
    evaluator: str,
    dy: Any,
    x: Any,
    gamma: Any,
    rstd: Any,
    dx: Any,
    dgamma: Any,
    *,
    add_dx: bool = False,
    add_dgamma: bool = False,
) -> Bound:
    """dx = rstd (g - n mean(g n)), dgamma = Σ dy n, for n = x rstd, g = dy gamma."""
    adds = {"add_dx": add_dx, "add_dgamma": add_dgamma}
    return backward_residual.bound(evaluator, dy, None, x, gamma, rstd, dx, None, dgamma, **adds)


@bound_op
def backward_residual(
    evaluator: str,
    dy: Any,
    dtotal: Any,
    total: Any,
    gamma: Any,
    rstd: Any,
    dx: Any,
    dresidual: Any,
    dgamma: Any,
    *,
    add_dx: bool = False,
    add_dresidual: bool = False,
    add_dgamma: bool = False,
) -> Bound:
    """dx = dresidual = dtotal + the dx of `backward` for x = total; dtotal comes from whatever else reads total."""
    clearing = [] if dgamma is None or add_dgamma else [partial(dgamma.fill, 0)]
    options = {
        "gamma": gamma,
        "dgamma": dgamma,
        "add_dx": add_dx,
        "add_dresidual": add_dresidual,
    }
    parts = list(blocks(total, dy, dtotal, rstd[..., None], dx, dresidual))

    def bind(space: Any) -> Bound:
        normal, slope = space
        return in_turn(
            [*clearing, *(partial(differentiate, *part, normal=normal, slope=slope, **options) for part in parts)]
        )

    return with_space(total, bind, ((2, *block_shape(total)), total.dtype))


def normalise(x: Any, y: Any, rstd: Any, *, gamma: Any, eps: float) -> None:
    """Some rows; rstd is a column."""
    np.vecdot(x, x, out=rstd[:, 0])
    put_rstd(rstd, x.shape[1], eps)
    np.multiply(x, rstd, out=y)
    if gamma is not None:
        np.multiply(y, gamma, out=y)


def differentiate(
    x: Any,
    dy: Any,
    dtotal: Any,
    rstd: Any,
    dx: Any,
    dresidual: Any,
    *,
    normal: Any,
    slope: Any,
    gamma: Any,
    dgamma: Any,
    add_dx: bool,
    add_dresidual: bool,
) -> None:
    """Some rows, whose terms are added to dgamma; `normal` and `slope` are space for as many, at least."""
    normal, slope = normal[: len(x)], slope[: len(x)]
    np.multiply(x, rstd, out=normal)
    if dgamma is not None:
        np.multiply(dy, normal, out=slope)
        np.add(dgamma, slope.sum(axis=0), out=dgamma)
    np.multiply(dy, 1 if gamma is None else gamma, out=slope)
    np.multiply(normal, np.vecdot(slope, normal)[:, None] / x.shape[1], out=normal)
    np.subtract(slope, normal, out=slope)
    np.multiply(slope, rstd, out=slope)
    if dtotal is not None:
        np.add(slope, dtotal, out=slope)
    put(dx, slope, add_dx)
    put(dresidual, slope, add_dresidual)


@forward.cuda
def launch_forward(x: Any, gamma: Any, y: Any, rstd: Any, *, eps: float) -> Bound:
    return launch_forward_residual(x, None, gamma, None, y, rstd, eps=eps)


@forward_residual.cuda
def launch_forward_residual(x: Any, residual: Any, gamma: Any, total: Any, y: Any, rstd: Any, *, eps: float) -> Bound:
    rows = rows_of(x, residual, gamma, total, y)
    run = rows.kernel(FILE, "rms_norm_forward")
    (kept,) = fitting(run, rows.bytes_of(1, x.itemsize))
    options = rows.count, rows.width, eps, kept > 0
    return run.bind((rows.blocks,), (THREADS,), x, residual, gamma, total, y, rstd, *options, shared_bytes=kept)


@backward.cuda
def launch_backward(dy: Any, x: Any, gamma: Any, rstd: Any, dx: Any, dgamma: Any, **adds: bool) -> Bound:
    return launch_backward_residual(dy, None, x, gamma, rstd, dx, None, dgamma, add_dresidual=False, **adds)


@backward_residual.cuda
def launch_backward_residual(
    dy: Any,
    dtotal: Any,
    total: Any,
    gamma: Any,
    rstd: Any,
    dx: Any,
    dresidual: Any,
    dgamma: Any,
    *,
    add_dx: bool,
    add_dresidual: bool,
    add_dgamma: bool,
) -> Bound:
    given = (dy, dtotal), total, (gamma, rstd), (dx, dresidual), (dgamma,)
    return bind_gradients(FILE, "rms_norm_backward", *given, (add_dx, add_dresidual), (add_dgamma,))
