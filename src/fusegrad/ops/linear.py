"""The fully connected layer: product, bias and any scalar function f of the result, forward and backward.

With h = x weightᵀ + bias and y = f(h).  Shapes: x, dx (…, width_in); weight, dweight (width_out, width_in); bias, dbias
(width_out,); h, dh, y, dy (…, width_out).  Gradients that nobody needs are None; bias may be None.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fusegrad.expr import Function
from fusegrad.ops import bias_activation
from fusegrad.ops.bias_activation import is_identity
from fusegrad.ops.bias_activation import keeps as keeps  # of the layer, too
from fusegrad.ops.loops import operations
from fusegrad.ops.matmul import matmul
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.shape import rows

PIECE_BYTES = 1 << 21  # of a product, on which the epilogue runs while they are in a cache
PIECE_ROWS = 512  # at least: products of fewer rows were up to three times slower, since they read all weights again
GRADIENTS = ("dx", "dweight", "dbias", "add_dx", "add_dweight", "add_dbias")


@lru_cache(maxsize=1024)
def forward(function: Function, keep_h: bool) -> BoundOp:
    """y = f(x weightᵀ + bias); beside it h, where it is kept."""

    def bind(evaluator: str, x: Any, weight: Any, bias: Any, y: Any, h: Any = None) -> Bound:
        x, y, h = rows(x), rows(y), rows(h)
        step = max(PIECE_ROWS, PIECE_BYTES // (y.shape[1] * y.itemsize))
        calls = []
        for start in range(0, len(y), step):
            piece = slice(start, start + step)
            result = y[piece]
            product = result if h is None else h[piece]
            calls.append(matmul.bound(evaluator, x[piece], weight.T, product))
            kept = None if h is None else product
            calls += bias_activation.forward_loops(evaluator, function, product, bias, result, kept)
        return in_turn(calls)

    def launch(x: Any, weight: Any, bias: Any, y: Any, h: Any = None) -> Bound:
        from fusegrad.ops.matmul_kernels import bind_product  # here, since a CPU does not need it

        return bind_product(rows(x), weight.T, rows(y), bias=bias, epilogue=function, h=rows(h))

    def flops(x: Any, weight: Any, bias: Any, y: Any, h: Any = None) -> int:
        return int(y.size) * (2 * int(x.shape[-1]) + (bias is not None) + operations([function.output]))

    op = BoundOp(bind, ("x", "weight", "bias", "y", *(["h"] if keep_h else [])), flops)
    op.cuda(launch)
    return op


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dh = dy f'(h), dx = dh weight, dweight = dhᵀ x, dbias = Σ dh over rows; each written, or added where `add_…`."""
    of_h = bias_activation.backward(function)
    source = keeps(function)
    own = () if is_identity(function) else (*([source] if source else []), "dh")

    def bind(evaluator: str, dy: Any, x: Any, weight: Any, **arrays: Any) -> Bound:
        calls = []
        if own or arrays["dbias"] is not None:
            of_own = {name: arrays[name] for name in (*own, "dbias", "add_dbias")}
            calls.append(of_h.bound(evaluator, dy, **of_own))
        dh, x = rows(arrays["dh"] if own else dy), rows(x)
        if arrays["dweight"] is not None:
            calls.append(matmul.bound(evaluator, dh.T, x, arrays["dweight"], arrays["add_dweight"]))
        if arrays["dx"] is not None:
            calls.append(matmul.bound(evaluator, dh, weight, rows(arrays["dx"]), arrays["add_dx"]))
        return in_turn(calls)

    def flops(dy: Any, x: Any, *arrays: Any) -> int:
        *_, dx, dweight, dbias, _, _, _ = arrays
        products = (dx is not None) + (dweight is not None)
        return int(dy.size) * 2 * int(x.shape[-1]) * products + of_h.flops(dy, dbias, False)

    return BoundOp(bind, ("dy", "x", "weight", *own, *GRADIENTS), flops)
