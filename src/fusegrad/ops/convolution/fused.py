"""The passes of layers: products of a convolution, with bias and any scalar function f of the result."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fusegrad.expr import Function
from fusegrad.ops.convolution import channels, cost, fast
from fusegrad.ops.convolution.products import correlate, spread, weigh
from fusegrad.ops.epilogue import is_identity, keeps
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.window import Window

GRADIENTS = ("dx", "dweight", "dbias", "window", "groups", "add_dx", "add_dweight", "add_dbias")


@lru_cache(maxsize=1024)
def forward(function: Function, keep_h: bool) -> BoundOp:
    """y = f(x * weight + bias); beside it h, where it is kept."""

    def bind(
        evaluator: str, x: Any, weight: Any, bias: Any, y: Any, *, window: Window, groups: int, h: Any = None
    ) -> Bound:
        if fast.computes(evaluator, x, weight, y):
            options = {"window": window, "groups": groups, "function": function, "bias": bias, "h": h}
            return fast.bind_correlate(x, weight, y, **options)
        product = correlate.bound(evaluator, x, weight, y if h is None else h, window=window, groups=groups)
        return in_turn([product, *channels.forward_loops(evaluator, function, y if h is None else h, bias, y, h)])

    def launch(x: Any, weight: Any, bias: Any, y: Any, *, window: Window, groups: int, h: Any = None) -> Bound:
        from fusegrad.ops.convolution.on_gpu import correlation  # here, since a CPU does not need it
        from fusegrad.ops.gemm import Activated

        after = Activated(function, bias, h)
        return correlation(x, weight, y, window=window, groups=groups, after=after)

    names = ("x", "weight", "bias", "y", *(["h"] if keep_h else []), "window", "groups")
    op = BoundOp(bind, names, cost.of_forward(function))
    op.cuda(launch)
    return op


@lru_cache(maxsize=1024)
def transposed_forward(function: Function, keep_h: bool) -> BoundOp:
    """y = f(h), h being bias and the gradient by its input, for x, of a convolution with `weight`; see `forward`."""

    def bind(
        evaluator: str, x: Any, weight: Any, bias: Any, y: Any, *, window: Window, groups: int, h: Any = None
    ) -> Bound:
        if fast.computes(evaluator, x, weight, y):
            options = {"window": window, "groups": groups, "function": function, "bias": bias, "h": h}
            return fast.bind_spread(x, weight, y, **options)
        product = spread.bound(evaluator, x, weight, y if h is None else h, window=window, groups=groups)
        return in_turn([product, *channels.forward_loops(evaluator, function, y if h is None else h, bias, y, h)])

    def launch(x: Any, weight: Any, bias: Any, y: Any, *, window: Window, groups: int, h: Any = None) -> Bound:
        from fusegrad.ops.convolution.on_gpu import input_gradient
        from fusegrad.ops.gemm import Activated

        after = Activated(function, bias, h)
        return input_gradient(x, weight, y, window=window, groups=groups, after=after)

    names = ("x", "weight", "bias", "y", *(["h"] if keep_h else []), "window", "groups")
    op = BoundOp(bind, names, cost.of_transposed_forward(function))
    op.cuda(launch)
    return op


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dh = dy f'(h), and the gradients of x * weight + bias for dh; each written, or added where `add_…`."""
    own = own_names(function)

    def bind(evaluator: str, dy: Any, x: Any, weight: Any, window: Window, groups: int, **arrays: Any) -> Bound:
        calls, dh = slope_calls(evaluator, function, dy, arrays)
        options = {"window": window, "groups": groups}
        if arrays["dweight"] is not None:
            calls.append(weigh.bound(evaluator, dh, x, arrays["dweight"], add=arrays["add_dweight"], **options))
        if arrays["dx"] is not None:
            calls.append(spread.bound(evaluator, dh, weight, arrays["dx"], add=arrays["add_dx"], **options))
        return in_turn(calls)

    return BoundOp(bind, ("dy", "x", "weight", *own, *GRADIENTS), cost.of_backward(function))


@lru_cache(maxsize=1024)
def transposed_backward(function: Function) -> BoundOp:
    """The gradients of `transposed_forward`, in whose products x and dh have changed places."""
    own = own_names(function)

    def bind(evaluator: str, dy: Any, x: Any, weight: Any, window: Window, groups: int, **arrays: Any) -> Bound:
        calls, dh = slope_calls(evaluator, function, dy, arrays)
        options = {"window": window, "groups": groups}
        if arrays["dweight"] is not None:
            calls.append(weigh.bound(evaluator, x, dh, arrays["dweight"], add=arrays["add_dweight"], **options))
        if arrays["dx"] is not None:
            calls.append(correlate.bound(evaluator, dh, weight, arrays["dx"], add=arrays["add_dx"], **options))
        return in_turn(calls)

    return BoundOp(bind, ("dy", "x", "weight", *own, *GRADIENTS), cost.of_transposed_backward(function))


def own_names(function: Function) -> tuple[str, ...]:
    """What a backward pass reads and writes on account of f."""
    source = keeps(function)
    return () if is_identity(function) else (*([source] if source else []), "dh")


def slope_calls(evaluator: str, function: Function, dy: Any, arrays: dict[str, Any]) -> tuple[list[Bound], Any]:
    """What computes dh and the bias gradient, and the array that dh is in."""
    own = {name: arrays[name] for name in own_names(function)}
    dbias, add_dbias = arrays["dbias"], arrays["add_dbias"]
    if not own and dbias is None:
        return [], dy
    call = channels.backward(function).bound(evaluator, dy, **own, dbias=dbias, add_dbias=add_dbias)
    return [call], own.get("dh", dy)
