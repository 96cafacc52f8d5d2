"""Batch normalisation (Ioffe & Szegedy, 2015, arXiv:1502.03167), with any function of its result.

With n = (x - mean) rstd and y = f(n weight + bias).  Shapes: x, dx, y, dy (batch, channels, *extents), contiguous; all
others (channels,): weight, bias, dweight, dbias, which may be None, and the statistics mean, rstd, running_mean and
running_var over samples and places.  Beside half types statistics are float32, and dweight and dbias may be.

`exchange` is None, or what processes that share a batch all call: `exchange(array)` replaces a small array by its sum
over them, on the stream of the call and without waiting for it.  Statistics are then those of all their samples, while
dweight and dbias are of a process's own, as other gradients are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from fusegrad.expr import Function
from fusegrad.ops import batch_norm_numbers as numbers
from fusegrad.ops import channels
from fusegrad.ops.channels.planes import Planes
from fusegrad.ops.channels.space import Space
from fusegrad.ops.elementwise import copy
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.op import Bound, BoundOp, bound_op, in_turn

Exchange = Callable[[Any], None]
GRADIENTS = ("dx", "dweight", "dbias", "add_dx", "add_dweight", "add_dbias")


@lru_cache(maxsize=1024)
def forward(function: Function) -> BoundOp:
    """y = f(n weight + bias) with mean and rstd of x; the running ones move towards those by the share `momentum`.

    running_var moves towards the unbiased variance.  Raises ValueError for a single element in each channel.
    """

    def bind(evaluator: str, x: Any, weight: Any, bias: Any, y: Any, mean: Any, rstd: Any, **rest: Any) -> Bound:
        planes, space, exchange = Planes(x), Space(mean), rest["exchange"]
        if planes.count < 2 and exchange is None:
            raise ValueError(f"batch_norm expects more than one element for each channel in training, got {x.shape}")
        squares, scale, shift = (space.of(planes.channels) for _ in range(3))
        count, calls = space.filled(planes.count), [channels.moments.bound(evaluator, x, mean, squares)]
        if exchange is not None:
            joining, count = joined(evaluator, space, mean, squares, count, exchange)
            calls += joining
        arrays = {"center": mean, "squares": squares, "rstd": rstd, "count": count, "scale": scale, "shift": shift}
        arrays |= space.weight_and_bias(weight, bias, planes.channels)
        arrays |= {name: rest[name] for name in ("running_mean", "running_var")}
        arrays |= {name: space.filled(rest[name]) for name in ("eps", "momentum")}
        calls.append(bind_loop(evaluator, numbers.STATISTICS, arrays))
        calls.append(channels.forward(function).bound(evaluator, x, mean, scale, shift, y))
        return in_turn(calls)

    rest = ("running_mean", "running_var", "momentum", "eps", "exchange")
    return BoundOp(bind, ("x", "weight", "bias", "y", "mean", "rstd", *rest), channels.forward(function).flops)


def joined(
    evaluator: str, space: Space, mean: Any, squares: Any, own: Any, exchange: Exchange
) -> tuple[list[Bound], Any]:
    """What makes mean and squares those of all processes, and the number of elements that these have in a channel."""
    shared = space.of(1 + mean.size)
    count, totals = shared[:1].reshape(()), shared[1:]
    calls: list[Bound] = [
        bind_loop(evaluator, numbers.TOTALS, {"total": totals, "center": mean, "own": own}),
        copy.bound(evaluator, own, count),
        partial(exchange, shared),
        bind_loop(
            evaluator,
            numbers.JOINING,
            {"center": mean, "squares": squares, "total": totals, "count": count, "own": own},
        ),
        partial(exchange, squares),
    ]
    return calls, count


@lru_cache(maxsize=1024)
def predict(function: Function) -> BoundOp:
    """y = f(n weight + bias) with the running statistics."""

    def bind(
        evaluator: str, x: Any, weight: Any, bias: Any, y: Any, running_mean: Any, running_var: Any, eps: float
    ) -> Bound:
        scaling, scale, shift, _ = known(evaluator, running_var, weight, bias, eps)
        return in_turn([scaling, channels.forward(function).bound(evaluator, x, running_mean, scale, shift, y)])

    names = ("x", "weight", "bias", "y", "running_mean", "running_var", "eps")
    op = BoundOp(bind, names, channels.forward(function).flops)
    op.in_place = {"y": ("x",)}
    return op


def known(evaluator: str, running_var: Any, weight: Any, bias: Any, eps: float) -> tuple[Bound, Any, Any, Any]:
    """What computes scale, shift and rstd for the running statistics, and these."""
    space = Space(running_var)
    scale, shift, rstd = (space.of(running_var.size) for _ in range(3))
    arrays = {"scale": scale, "shift": shift, "rstd": rstd, "running_var": running_var, "eps": space.filled(eps)}
    scaling = bind_loop(evaluator, numbers.KNOWN, arrays | space.weight_and_bias(weight, bias, running_var.size))
    return scaling, scale, shift, rstd


@bound_op
def fold(
    evaluator: str,
    weight: Any,
    bias: Any,
    gamma: Any,
    beta: Any,
    running_mean: Any,
    running_var: Any,
    folded_weight: Any,
    folded_bias: Any,
    eps: float,
) -> Bound:
    """folded_weight = weight r, folded_bias = (bias - running_mean) r + beta, for r = gamma / sqrt(running_var + eps).

    A product with these is one with weight (channels, …) and bias that `predict` follows.  Any of bias, gamma and beta
    may be None; what is folded may be of a half type.
    """
    space = Space(running_var)
    count = len(running_var)
    scale = space.of(count)
    of_norm = space.weight_and_bias(gamma, beta, count)
    of_channels = {"gamma": of_norm["weight"], "beta": of_norm["bias"]}
    of_channels["bias"] = space.weight_and_bias(None, bias, count)["bias"]
    arrays = {"running_mean": running_mean, "running_var": running_var, "scale": scale, "folded_bias": folded_bias}
    flat = {"weight": weight.reshape(count, -1), "folded_weight": folded_weight.reshape(count, -1)}
    return in_turn(
        [
            bind_loop(evaluator, numbers.FOLDED_BIAS, arrays | of_channels | {"eps": space.filled(eps)}),
            bind_loop(evaluator, numbers.FOLDED_WEIGHT, flat | {"scale": scale}),
        ]
    )


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dx = rstd (g - mean(g) - n mean(g n)), dweight = Σ dh n, dbias = Σ dh, for dh = dy f'(h), g = dh weight."""
    sums, slope = channels.sums(function), channels.backward(function)

    def bind(
        evaluator: str, dy: Any, x: Any, weight: Any, bias: Any, mean: Any, rstd: Any, exchange: Any, **grads: Any
    ) -> Bound:
        planes, space = Planes(x), Space(mean)
        scale, shift, offset, tilt = (space.of(planes.channels) for _ in range(4))
        shared = space.of(1 + 2 * planes.channels)
        count, dshift, dscale = shared[:1].reshape(()), shared[1 : 1 + planes.channels], shared[1 + planes.channels :]
        own = {"rstd": rstd, "scale": scale, "dscale": dscale, "dshift": dshift, "count": count}
        scaling = {"rstd": rstd, "scale": scale, "shift": shift} | space.weight_and_bias(weight, bias, x.shape[1])
        calls = [
            bind_loop(evaluator, numbers.SCALING, scaling),
            sums.bound(evaluator, dy, x, mean, scale, shift, dscale, dshift),
            *gradients(evaluator, own, grads),
        ]
        if grads["dx"] is None:
            return in_turn(calls)
        calls.append(copy.bound(evaluator, space.filled(planes.count), count))
        if exchange is not None:
            calls.append(partial(exchange, shared))
        calls.append(bind_loop(evaluator, numbers.SLOPES, own | {"offset": offset, "tilt": tilt}))
        arrays = dy, x, mean, scale, shift, offset, tilt, grads["dx"], grads["add_dx"]
        return in_turn([*calls, slope.bound(evaluator, *arrays)])

    names = ("dy", "x", "weight", "bias", "mean", "rstd", "exchange", *GRADIENTS)
    op = BoundOp(bind, names, slope.flops)
    op.in_place = {"dx": ("dy", "x")}
    return op


@lru_cache(maxsize=1024)
def frozen_backward(function: Function) -> BoundOp:
    """dx = dh weight rstd, dweight = Σ dh n, dbias = Σ dh, for dh = dy f'(h) and the running statistics."""
    sums, slope = channels.sums(function), channels.backward(function)

    def bind(
        evaluator: str,
        dy: Any,
        x: Any,
        weight: Any,
        bias: Any,
        running_mean: Any,
        running_var: Any,
        eps: float,
        **grads: Any,
    ) -> Bound:
        scaling, scale, shift, rstd = known(evaluator, running_var, weight, bias, eps)
        space, calls = Space(running_var), [scaling]
        arrays = dy, x, running_mean, scale, shift
        if grads["dweight"] is not None or grads["dbias"] is not None:
            own = {"rstd": rstd, "dscale": space.of(x.shape[1]), "dshift": space.of(x.shape[1])}
            calls.append(sums.bound(evaluator, *arrays, own["dscale"], own["dshift"]))
            calls += gradients(evaluator, own, grads)
        if grads["dx"] is not None:
            calls.append(slope.bound(evaluator, *arrays, None, None, grads["dx"], grads["add_dx"]))
        return in_turn(calls)

    names = ("dy", "x", "weight", "bias", "running_mean", "running_var", "eps", *GRADIENTS)
    op = BoundOp(bind, names, slope.flops)
    op.in_place = {"dx": ("dy", "x")}
    return op


def gradients(evaluator: str, own: dict[str, Any], grads: dict[str, Any]) -> list[Bound]:
    """dweight = rstd dscale and dbias = dshift, those that are needed."""
    needed = {name: grads[name] for name in ("dweight", "dbias") if grads[name] is not None}
    if not needed:
        return []
    work = numbers.gradients(tuple(needed), tuple(grads[f"add_{name}"] for name in needed))
    return [bind_loop(evaluator, work, own | needed)]
