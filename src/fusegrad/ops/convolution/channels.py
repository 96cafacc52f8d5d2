"""What follows a product whose channels are the second axis: y = f(x + bias), and its gradients.

Shapes: x, h, dh, y, dy (batch, channels, *extents), contiguous; bias, dbias (channels,), None where nobody needs them.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from fusegrad.expr import Function
from fusegrad.expr.loop import COLUMN, loop
from fusegrad.expr.node import argument
from fusegrad.ops.bias_activation import slope
from fusegrad.ops.epilogue import is_identity, keeps
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.op import Bound, BoundOp, in_turn


def forward_loops(evaluator: str, function: Function, x: Any, bias: Any, y: Any, h: Any = None) -> list[Bound]:
    """y = f(x + bias), sample by sample; beside it h, where it is kept.  x may be y or h itself."""
    source = argument("h" if x is h else "y" if x is y else "x")
    biased = source if bias is None else source + argument("bias")
    targets = ({} if h is None else {"h": biased}) | {"y": function(biased)}
    assignments = {name: result for name, result in targets.items() if result is not argument(name)}
    if not assignments:
        return []
    work = loop(f"channels_{function}", assignments, bias=COLUMN)
    return [bind_loop(evaluator, work, sample) for sample in samples(bias, x=x, y=y, h=h)]


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dh = dy f'(h); dbias = Σ dh over all but the channels, or += that where `add_dbias`."""
    source = keeps(function)
    own = () if is_identity(function) else (*([source] if source else []), "dh")
    work = loop(f"{function}_backward", {"dh": argument("dy") * slope(function)})

    def bind(evaluator: str, dy: Any, dbias: Any, add_dbias: bool, **saved: Any) -> Bound:
        calls = [bind_loop(evaluator, work, {"dy": dy, **saved})] if own else []
        if dbias is not None:
            calls.append(partial(put_sums, saved["dh"] if own else dy, dbias, add_dbias))
        return in_turn(calls)

    return BoundOp(bind, ("dy", *own, "dbias", "add_dbias"))


def put_sums(x: Any, sums: Any, add: bool) -> None:
    total = x.sum(axis=(0, *range(2, x.ndim)))
    sums[...] = sums + total if add else total


def samples(bias: Any, **arrays: Any) -> list[dict[str, Any]]:
    """The arrays of each sample, (channels, places), those that there are."""
    given = {name: array.reshape(*array.shape[:2], -1) for name, array in arrays.items() if array is not None}
    return [{"bias": bias, **{name: array[i] for name, array in given.items()}} for i in range(len(arrays["y"]))]
