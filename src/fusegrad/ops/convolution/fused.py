"""The passes of layers: products of a convolution, with bias and any scalar function f of the result."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module
from typing import Any, NamedTuple

from fusegrad.expr import Function
from fusegrad.ops.convolution import channels, cost, fast
from fusegrad.ops.convolution.products import correlate, spread, weigh
from fusegrad.ops.epilogue import is_identity, keeps
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.window import Window

GRADIENTS = ("dx", "dweight", "dbias", "window", "groups", "add_dx", "add_dweight", "add_dbias")


class Product(NamedTuple):
    """One product: as an op; by Numba, and by the function of `on_gpu` of that name, with what follows it."""

    op: BoundOp
    with_numba: Callable[..., Bound]
    on_gpu: str


CORRELATION = Product(correlate, fast.bind_correlate, "correlation")
SPREADING = Product(spread, fast.bind_spread, "input_gradient")


@lru_cache(maxsize=1024)
def forward(function: Function, keep_h: bool) -> BoundOp:
    """y = f(x * weight + bias); beside it h, where it is kept."""

    def bind(evaluator: str, **arrays: Any) -> Bound:
        return bind_forward(CORRELATION, function, evaluator, **arrays)

    op = BoundOp(bind, names_of_forward(keep_h), cost.of_forward(function))
    op.cuda(partial(launch_forward, CORRELATION, function))
    return op


@lru_cache(maxsize=1024)
def transposed_forward(function: Function, keep_h: bool) -> BoundOp:
    """y = f(h), h being bias and the gradient by its input, for x, of a convolution with `weight`; see `forward`."""

    def bind(evaluator: str, **arrays: Any) -> Bound:
        return bind_forward(SPREADING, function, evaluator, **arrays)

    op = BoundOp(bind, names_of_forward(keep_h), cost.of_transposed_forward(function))
    op.cuda(partial(launch_forward, SPREADING, function))
    return op


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dh = dy f'(h), and the gradients of x * weight + bias for dh; each written, or added where `add_…`."""
    own = own_names(function)

    def bind(evaluator: str, dy: Any, x: Any, weight: Any, **arrays: Any) -> Bound:
        calls, dh = slope_calls(evaluator, function, dy, arrays)
        return in_turn([*calls, *gradient_calls(evaluator, (dh, x), spread, (dh, weight), arrays)])

    op = BoundOp(bind, ("dy", "x", "weight", *own, *GRADIENTS), cost.of_backward(function))
    op.in_place = over_dy(own)
    return op


@lru_cache(maxsize=1024)
def transposed_backward(function: Function) -> BoundOp:
    """The gradients of `transposed_forward`, in whose products x and dh have changed places."""
    own = own_names(function)

    def bind(evaluator: str, dy: Any, x: Any, weight: Any, **arrays: Any) -> Bound:
        calls, dh = slope_calls(evaluator, function, dy, arrays)
        return in_turn([*calls, *gradient_calls(evaluator, (x, dh), correlate, (dh, weight), arrays)])

    op = BoundOp(bind, ("dy", "x", "weight", *own, *GRADIENTS), cost.of_transposed_backward(function))
    op.in_place = over_dy(own)
    return op


def names_of_forward(keep_h: bool) -> tuple[str, ...]:
    return ("x", "weight", "bias", "y", *(["h"] if keep_h else []), "window", "groups")


def bind_forward(
    product: Product,
    function: Function,
    evaluator: str,
    x: Any,
    weight: Any,
    bias: Any,
    y: Any,
    *,
    window: Window,
    groups: int,
    h: Any = None,
) -> Bound:
    """y = f(h), h = product + bias."""
    options = {"window": window, "groups": groups}
    if fast.computes(evaluator, x, weight, y):
        return product.with_numba(x, weight, y, function=function, bias=bias, h=h, **options)
    first = y if h is None else h
    loops = channels.forward_loops(evaluator, function, first, bias, y, h)
    return in_turn([product.op.bound(evaluator, x, weight, first, **options), *loops])


def launch_forward(
    product: Product,
    function: Function,
    x: Any,
    weight: Any,
    bias: Any,
    y: Any,
    *,
    window: Window,
    groups: int,
    h: Any = None,
) -> Bound:
    """The same in one launch."""
    from fusegrad.ops.gemm import Activated  # here, as the next, since a CPU does not need them

    run: Callable[..., Bound] = getattr(import_module("fusegrad.ops.convolution.on_gpu"), product.on_gpu)
    return run(x, weight, y, window=window, groups=groups, after=Activated(function, bias, h))


def gradient_calls(
    evaluator: str, of_weight: tuple[Any, Any], into_x: BoundOp, of_x: tuple[Any, Any], arrays: dict[str, Any]
) -> list[Bound]:
    """dweight by `weigh` of two arrays, and dx by `into_x` of two others, where they are needed."""
    options, calls = {"window": arrays["window"], "groups": arrays["groups"]}, []
    if arrays["dweight"] is not None:
        calls.append(weigh.bound(evaluator, *of_weight, arrays["dweight"], add=arrays["add_dweight"], **options))
    if arrays["dx"] is not None:
        calls.append(into_x.bound(evaluator, *of_x, arrays["dx"], add=arrays["add_dx"], **options))
    return calls


def over_dy(own: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """dh may lie over dy, or over what f' is computed from."""
    return {"dh": ("dy", *own[:-1])} if own else {}


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
