"""The fully connected layer: product, bias and any scalar function f of the result, forward and backward.

With h = x weightᵀ + bias and y = f(h).  Shapes: x, dx (…, width_in); weight, dweight (width_out, width_in); bias, dbias
(width_out,); h, dh, y, dy (…, width_out).  Gradients that nobody needs are None; bias may be None.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fusegrad.expr import Function
from fusegrad.expr.loop import ROW, loop
from fusegrad.expr.node import argument, rebuilt
from fusegrad.ops.loops import bind_loop, kept, operations
from fusegrad.ops.matmul import column_sums, matmul
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.shape import rows

PIECE_BYTES = 1 << 21  # of a product, on which the epilogue runs while they are in a cache
PIECE_ROWS = 512  # at least: products of fewer rows were up to three times slower, since they read all weights again
GRADIENTS = ("dx", "dweight", "dbias", "add_dx", "add_dweight", "add_dbias")


def keeps(function: Function) -> str | None:
    """What backward computes f' from: "y", "h", or nothing where f' is the same everywhere."""
    names = kept(function)
    return None if not names else "y" if names == ["y"] else "h"


def is_identity(function: Function) -> bool:
    return function.output is argument(function.arguments[0])


@lru_cache(maxsize=1024)
def forward(function: Function, keep_h: bool) -> BoundOp:
    """y = f(x weightᵀ + bias); beside it h, where it is kept."""

    def bind(evaluator: str, x: Any, weight: Any, bias: Any, y: Any, h: Any = None) -> Bound:
        x, y, h = rows(x), rows(y), rows(h)
        step = len(y) if evaluator == "cuda" else max(PIECE_ROWS, PIECE_BYTES // y[:1].nbytes)
        calls = []
        for start in range(0, len(y), step):
            piece = slice(start, start + step)
            product = (y if h is None else h)[piece]
            calls.append(matmul.bound(evaluator, x[piece], weight.T, product))
            calls += epilogue(evaluator, function, bias, y[piece], None if h is None else product)
        return in_turn(calls)

    def flops(x: Any, weight: Any, bias: Any, y: Any, h: Any = None) -> int:
        return int(y.size) * (2 * int(x.shape[-1]) + (bias is not None) + operations([function.output]))

    return BoundOp(bind, ("x", "weight", "bias", "y", *(["h"] if keep_h else [])), flops)


def epilogue(evaluator: str, function: Function, bias: Any, y: Any, h: Any) -> list[Bound]:
    """y = f(product + bias), of a product that lies in h, or in y if that is None; nothing where that is y itself."""
    product = argument("y" if h is None else "h")
    biased = product if bias is None else product + argument("bias")
    assignments = {"h": biased} if h is not None and bias is not None else {}
    assignments["y"] = function(biased)
    if assignments["y"] is argument("y"):
        return []
    work = loop(f"linear_{function}", assignments, bias=ROW)
    return [bind_loop(evaluator, work, {"y": y, "h": h, "bias": bias})]


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dh = dy f'(h), dx = dh weight, dweight = dhᵀ x, dbias = Σ dh over rows; each written, or added where `add_…`."""
    (slope,) = function.kept_slopes
    slope = rebuilt(slope, {argument(function.arguments[0]): argument("h")})
    source = keeps(function)
    work = loop(f"linear_{function}_backward", {"dh": argument("dy") * slope})
    own = () if is_identity(function) else (*([source] if source else []), "dh")

    def bind(evaluator: str, dy: Any, x: Any, weight: Any, **arrays: Any) -> Bound:
        calls = []
        if own:
            calls.append(bind_loop(evaluator, work, {"dy": dy, **arrays}))
        dh, x = rows(arrays["dh"] if own else dy), rows(x)
        if arrays["dweight"] is not None:
            calls.append(matmul.bound(evaluator, dh.T, x, arrays["dweight"], arrays["add_dweight"]))
        if arrays["dbias"] is not None:
            calls.append(column_sums.bound(evaluator, dh, arrays["dbias"], arrays["add_dbias"]))
        if arrays["dx"] is not None:
            calls.append(matmul.bound(evaluator, dh, weight, rows(arrays["dx"]), arrays["add_dx"]))
        return in_turn(calls)

    def flops(dy: Any, x: Any, *arrays: Any) -> int:
        *_, dx, dweight, dbias, _, _, _ = arrays
        products = (dx is not None) + (dweight is not None)
        return int(dy.size) * (
            2 * int(x.shape[-1]) * products + (dbias is not None) + operations(work.roots if own else [])
        )

    return BoundOp(bind, ("dy", "x", "weight", *own, *GRADIENTS), flops)
