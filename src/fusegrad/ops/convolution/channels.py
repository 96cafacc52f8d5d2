"""What follows a product whose channels are the second axis: y = f(x + bias), and its gradients.

Shapes: x, h, dh, y, dy (batch, channels, *extents), contiguous; bias, dbias (channels,), None where nobody needs them.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.expr import Function
from fusegrad.expr.loop import COLUMN, loop
from fusegrad.expr.node import argument
from fusegrad.ops.bias_activation import slope
from fusegrad.ops.epilogue import is_identity, keeps
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.matmul import column_sums, matmul
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.reduction import launch_total


def forward_loops(evaluator: str, function: Function, x: Any, bias: Any, y: Any, h: Any = None) -> list[Bound]:
    """y = f(x + bias); beside it h, where it is kept.  x may be y or h itself."""
    source = argument("h" if x is h else "y" if x is y else "x")
    biased = source if bias is None else source + argument("bias")
    targets = ({} if h is None else {"h": biased}) | {"y": function(biased)}
    assignments = {name: result for name, result in targets.items() if result is not argument(name)}
    if not assignments:
        return []
    work = loop(f"channels_{function}", assignments, bias=COLUMN)
    given = {name: planes(array) for name, array in (("x", x), ("y", y), ("h", h)) if array is not None}
    if bias is None:
        return [bind_loop(evaluator, work, given)]
    repeated = np.empty(y.shape[:2], y.dtype)  # one bias for every row of the loop, which so is one for all samples
    return [partial(np.copyto, repeated, bias), bind_loop(evaluator, work, given | {"bias": repeated.reshape(-1)})]


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dh = dy f'(h); dbias = Σ dh over all but the channels, or += that where `add_dbias`."""
    source = keeps(function)
    own = () if is_identity(function) else (*([source] if source else []), "dh")
    work = loop(f"{function}_backward", {"dh": argument("dy") * slope(function)})

    def bind(evaluator: str, dy: Any, dbias: Any, add_dbias: bool, **saved: Any) -> Bound:
        calls = [bind_loop(evaluator, work, {"dy": dy, **saved})] if own else []
        if dbias is not None:
            calls += sums(saved["dh"] if own else dy, dbias, add_dbias)
        return in_turn(calls)

    def launch(dy: Any, dbias: Any, add_dbias: bool, **saved: Any) -> Bound:
        calls = [bind_loop("cuda", work, {"dy": dy, **saved})] if own else []
        if dbias is not None:
            axes = (0, *range(2, dy.ndim))
            calls.append(launch_total(saved["dh"] if own else dy, dbias, axes, 1.0, add_dbias))
        return in_turn(calls)

    op = BoundOp(bind, ("dy", *own, "dbias", "add_dbias"))
    op.cuda(launch)
    return op


def sums(x: Any, y: Any, add: bool) -> list[Bound]:
    """y = Σ x over samples and places, or y += that; by products with ones, several times faster than `sum`."""
    batch, channels = x.shape[:2]
    of_planes = np.empty((batch * channels, 1), y.dtype)
    ones = np.ones((prod(x.shape[2:]), 1), x.dtype)
    return [
        matmul.bound("numpy", planes(x), ones, of_planes),
        column_sums.bound("numpy", of_planes.reshape(batch, channels), y, add),
    ]


def planes(x: Any) -> Any:
    """(batch, channels, *extents) seen as (batch · channels, places)."""
    return x.reshape(x.shape[0] * x.shape[1], prod(x.shape[2:]))
