"""LayerNorm and RMSNorm over the last axes, one or more: the ops for the last axis on arrays that are seen so.

Shapes: x, dx, y, dy (*rows, *normalized), contiguous; weight, bias, dweight, dbias (*normalized,), which may be None,
as may gradients that nobody needs; mean, rstd (*rows,), float32 where x is float16 or bfloat16.
"""

from __future__ import annotations

from typing import Any

from fusegrad.ops import layer_norm, rms_norm
from fusegrad.ops.op import Bound, bound_op


@bound_op
def layer_norm_forward(
    evaluator: str, x: Any, weight: Any, bias: Any, y: Any, mean: Any, rstd: Any, eps: float
) -> Bound:
    """y = (x - mean) rstd weight + bias, rstd = 1 / sqrt(mean of (x - mean)² + eps)."""
    arrays = seen(rstd, x), flat(weight), flat(bias), seen(rstd, y), mean.reshape(-1), rstd.reshape(-1)
    if is_for_numba(evaluator, x):
        from fusegrad.ops import layer_norm_loops  # here, since only who has Numba needs it

        return layer_norm_loops.bind_forward(*arrays, eps)
    return layer_norm.forward.bound(evaluator, *arrays, eps=eps)


@bound_op
def layer_norm_backward(
    evaluator: str,
    dy: Any,
    x: Any,
    weight: Any,
    mean: Any,
    rstd: Any,
    dx: Any,
    dweight: Any,
    dbias: Any,
    add_dx: bool = False,
    add_dweight: bool = False,
    add_dbias: bool = False,
) -> Bound:
    """dx = rstd (g - mean(g) - n mean(g n)), dweight = Σ dy n, dbias = Σ dy, for n = (x - mean) rstd, g = dy weight."""
    arrays = seen(rstd, dy), seen(rstd, x), flat(weight), mean.reshape(-1), rstd.reshape(-1), seen(rstd, dx)
    if is_for_numba(evaluator, x) and dx is not None:
        from fusegrad.ops import layer_norm_loops

        adds = add_dx, add_dweight, add_dbias
        return layer_norm_loops.bind_backward(*arrays, flat(dweight), flat(dbias), adds)
    named = {"add_dx": add_dx, "add_dgamma": add_dweight, "add_dbeta": add_dbias}
    return layer_norm.backward.bound(evaluator, *arrays, flat(dweight), flat(dbias), **named)


@bound_op
def rms_norm_forward(evaluator: str, x: Any, weight: Any, y: Any, rstd: Any, eps: float) -> Bound:
    """y = x rstd weight, rstd = 1 / sqrt(mean of x² + eps)."""
    return rms_norm.forward.bound(evaluator, seen(rstd, x), flat(weight), seen(rstd, y), rstd.reshape(-1), eps=eps)


@bound_op
def rms_norm_backward(
    evaluator: str,
    dy: Any,
    x: Any,
    weight: Any,
    rstd: Any,
    dx: Any,
    dweight: Any,
    add_dx: bool = False,
    add_dweight: bool = False,
) -> Bound:
    """dx = rstd (g - n mean(g n)), dweight = Σ dy n, for n = x rstd, g = dy weight."""
    arrays = seen(rstd, dy), seen(rstd, x), flat(weight), rstd.reshape(-1), seen(rstd, dx), flat(dweight)
    return rms_norm.backward.bound(evaluator, *arrays, add_dx=add_dx, add_dgamma=add_dweight)


def is_for_numba(evaluator: str, x: Any) -> bool:
    return evaluator == "numba" and x.dtype == "float32"


def seen(rstd: Any, array: Any) -> Any:
    """(rows, width)"""
    return None if array is None else array.reshape(rstd.size, -1)


def flat(weight: Any) -> Any:
    """(width,)"""
    return None if weight is None else weight.reshape(-1)
