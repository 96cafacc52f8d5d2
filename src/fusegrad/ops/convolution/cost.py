"""What convolutions cost, in floating-point operations; padding counts as if it were there."""

from __future__ import annotations

from typing import Any

from fusegrad.expr import Function
from fusegrad.expr.node import argument
from fusegrad.ops.bias_activation import slope
from fusegrad.ops.epilogue import is_identity
from fusegrad.ops.loops import operations
from fusegrad.ops.op import Flops


def of_product(places: Any, weight: Any) -> int:
    """Of each of the three products, `places` being the array with as many channels as the weight has rows."""
    return 2 * int(places.size) * (int(weight.size) // int(weight.shape[0]))


def of_forward(function: Function) -> Flops:
    after = operations([function.output])

    def flops(x: Any, weight: Any, bias: Any, y: Any, *others: Any) -> int:
        return of_product(y, weight) + int(y.size) * ((bias is not None) + after)

    return flops


def of_transposed_forward(function: Function) -> Flops:
    after = operations([function.output])

    def flops(x: Any, weight: Any, bias: Any, y: Any, *others: Any) -> int:
        return of_product(x, weight) + int(y.size) * ((bias is not None) + after)

    return flops


def of_backward(function: Function) -> Flops:
    def flops(dy: Any, x: Any, weight: Any, *others: Any) -> int:
        return of_gradients(function, dy, of_product(dy, weight), *others)

    return flops


def of_transposed_backward(function: Function) -> Flops:
    def flops(dy: Any, x: Any, weight: Any, *others: Any) -> int:
        return of_gradients(function, dy, of_product(x, weight), *others)

    return flops


def of_gradients(function: Function, dy: Any, product: int, *others: Any) -> int:
    """Of dh = dy f'(h), and of the gradients that are wanted."""
    *_, dx, dweight, dbias, _, _, _, _, _ = others
    own = 0 if is_identity(function) else operations([argument("dy") * slope(function)])
    return product * ((dx is not None) + (dweight is not None)) + int(dy.size) * (own + (dbias is not None))
