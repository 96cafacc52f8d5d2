"""The fully connected layer: product, bias and any scalar function f of the result, forward and backward.

With h = x weightᵀ + bias and y = f(h).  Shapes: x, dx (…, width_in); weight, dweight (width_out, width_in); bias, dbias
(width_out,); h, dh, y, dy, residual, mask (…, width_out).  Gradients that nobody needs are None; bias may be None.
Beside half types, y, h and residual may be float32, and likewise dweight and dbias; the mask is uint8.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fusegrad.expr import Function
from fusegrad.expr.loop import loop
from fusegrad.expr.node import argument
from fusegrad.ops import bias_activation, dropout
from fusegrad.ops.elementwise import accumulate
from fusegrad.ops.epilogue import is_identity
from fusegrad.ops.epilogue import keeps as keeps  # of the layer, too
from fusegrad.ops.loops import bind_loop, operations
from fusegrad.ops.matmul import column_sums, matmul
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.shape import rows

PIECE_BYTES = 1 << 21  # of a product, on which the epilogue runs while they are in a cache
PIECE_ROWS = 512  # at least: products of fewer rows were up to three times slower, since they read all weights again
GRADIENTS = ("dx", "dweight", "dbias", "add_dx", "add_dweight", "add_dbias")


@lru_cache(maxsize=1024)
def forward(function: Function, keep_h: bool) -> BoundOp:
    """y = f(x weightᵀ + bias); beside it h, where it is kept."""

    def bind(evaluator: str, x: Any, weight: Any, bias: Any, y: Any, h: Any = None) -> Bound:
        return in_turn(forward_pieces(evaluator, function, x, weight, bias, y, h))

    def launch(x: Any, weight: Any, bias: Any, y: Any, h: Any = None) -> Bound:
        from fusegrad.ops.gemm import Activated, bind_product  # here, since a CPU does not need it

        return bind_product(rows(x), weight.T, rows(y), after=Activated(function, bias, rows(h)))

    def flops(x: Any, weight: Any, bias: Any, y: Any, h: Any = None) -> int:
        return int(y.size) * (2 * int(x.shape[-1]) + (bias is not None) + operations([function.output]))

    op = BoundOp(bind, ("x", "weight", "bias", "y", *(["h"] if keep_h else [])), flops)
    op.cuda(launch)
    return op


@lru_cache(maxsize=1024)
def forward_residual(function: Function, keep_h: bool) -> BoundOp:
    """y = f(x weightᵀ + bias) + residual, which is not y; beside it h, where it is kept."""
    plain = forward(function, keep_h)

    def bind(evaluator: str, residual: Any, **arrays: Any) -> Bound:
        return in_turn(forward_pieces(evaluator, function, residual=residual, **arrays))

    def launch(x: Any, weight: Any, bias: Any, residual: Any, y: Any, h: Any = None) -> Bound:
        from fusegrad.ops.gemm import Activated, bind_product

        return bind_product(rows(x), weight.T, rows(y), after=Activated(function, bias, rows(h), rows(residual)))

    def flops(x: Any, weight: Any, bias: Any, residual: Any, y: Any, h: Any = None) -> int:
        return plain.flops(x, weight, bias, y) + int(y.size)

    op = BoundOp(bind, ("x", "weight", "bias", "residual", "y", *(["h"] if keep_h else [])), flops)
    op.cuda(launch)
    return op


@lru_cache(maxsize=1024)
def forward_dropout(function: Function, keep_h: bool) -> BoundOp:
    """y = f(x weightᵀ + bias) mask / (1 - rate) + residual, which is not y; mask as `dropout.forward` draws it for y.

    residual may be None; beside y stands h, where it is kept.
    """
    plain = forward(function, keep_h)

    def bind(evaluator: str, residual: Any, y: Any, **arrays: Any) -> Bound:
        draw = {name: arrays.pop(name) for name in ("mask", "seed", "step", "node", "rate")}
        calls = forward_pieces(evaluator, function, y=y, **arrays)
        calls.append(dropout.forward.bound(evaluator, y, y, **draw))
        if residual is not None:
            calls.append(accumulate.bound(evaluator, residual, y))
        return in_turn(calls)

    def launch(x: Any, weight: Any, bias: Any, residual: Any, y: Any, h: Any = None, **draw: Any) -> Bound:
        from fusegrad.ops.gemm import Activated, Drop, bind_product

        drop = Drop(**{**draw, "mask": rows(draw["mask"])})
        after = Activated(function, bias, rows(h), rows(residual), drop)
        return bind_product(rows(x), weight.T, rows(y), after=after)

    def flops(x: Any, weight: Any, bias: Any, residual: Any, y: Any, *more: Any) -> int:
        return plain.flops(x, weight, bias, y) + int(y.size) * (2 + (residual is not None))

    kept = ["h"] if keep_h else []
    names = ("x", "weight", "bias", "residual", "y", *kept, "mask", "seed", "step", "node", "rate")
    op = BoundOp(bind, names, flops)
    op.cuda(launch)
    return op


def forward_pieces(
    evaluator: str, function: Function, x: Any, weight: Any, bias: Any, y: Any, h: Any = None, residual: Any = None
) -> list[Bound]:
    """Products of some rows each, and behind each what follows it."""
    x, y, h, residual = rows(x), rows(y), rows(h), rows(residual)
    step = max(PIECE_ROWS, PIECE_BYTES // (y.shape[1] * y.itemsize))
    calls = []
    for start in range(0, len(y), step):
        piece = slice(start, start + step)
        result, kept, more = y[piece], h if h is None else h[piece], residual if residual is None else residual[piece]
        product = result if kept is None else kept
        calls.append(matmul.bound(evaluator, x[piece], weight.T, product))
        calls += bias_activation.forward_loops(evaluator, function, product, bias, result, kept, more)
    return calls


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

    op = BoundOp(bind, ("dy", "x", "weight", *own, *GRADIENTS), flops)
    op.in_place = {"dh": ("dy", *own[:-1])} if own else {}
    return op


@lru_cache(maxsize=1024)
def backward_through(function: Function) -> BoundOp:
    """dx = dh weight f'(h), for f and h of the layer below, of which dx then is dh; and its dbias = Σ dx over rows.

    What f' is computed from, y or h of the layer below, has the shape of dx (…, width_in), and dbias is (width_in,),
    added where `add_dbias`, or None.
    """
    source = keeps(function)
    work = loop(f"{function}_through", {"dx": argument("dx") * bias_activation.slope(function)})

    def bind(evaluator: str, dh: Any, weight: Any, dx: Any, dbias: Any, add_dbias: bool, **saved: Any) -> Bound:
        calls = [matmul.bound(evaluator, rows(dh), weight, rows(dx))]
        if not is_identity(function):
            calls.append(bind_loop(evaluator, work, {"dx": dx, **saved}))
        if dbias is not None:
            calls.append(column_sums.bound(evaluator, rows(dx), dbias, add_dbias))
        return in_turn(calls)

    def launch(dh: Any, weight: Any, dx: Any, dbias: Any, add_dbias: bool, **saved: Any) -> Bound:
        from fusegrad.ops.gemm import Sloped, bind_product

        of_function = rows(saved[source]) if source else None
        return bind_product(rows(dh), weight, rows(dx), after=Sloped(function, of_function, dbias, add_dbias))

    def flops(dh: Any, weight: Any, *arrays: Any) -> int:
        *_, dx, dbias, _ = arrays
        each = (dbias is not None) + (0 if is_identity(function) else operations(work.roots))
        return int(dx.size) * (2 * int(dh.shape[-1]) + each)

    op = BoundOp(bind, ("dh", "weight", *([source] if source else []), "dx", "dbias", "add_dbias"), flops)
    op.cuda(launch)
    return op
