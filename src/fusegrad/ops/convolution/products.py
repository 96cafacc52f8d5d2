"""The three products of a convolution, each linear in both of its factors."""

from __future__ import annotations

from typing import Any

from fusegrad.ops.convolution import fast, in_columns
from fusegrad.ops.op import Bound, bound_op
from fusegrad.ops.window import Window


@bound_op
def correlate(evaluator: str, x: Any, weight: Any, y: Any, *, window: Window, groups: int, add: bool = False) -> Bound:
    """y = x * weight, or y += that."""
    if fast.computes(evaluator, x, weight, y):
        return fast.bind_correlate(x, weight, y, window=window, groups=groups, add=add)
    return in_columns.bind_correlation(x, weight, y, window, groups, add)


@bound_op
def spread(evaluator: str, dy: Any, weight: Any, dx: Any, *, window: Window, groups: int, add: bool = False) -> Bound:
    """dx = the gradient of x * weight by x for dy, or dx += that."""
    if fast.computes(evaluator, dy, weight, dx):
        return fast.bind_spread(dy, weight, dx, window=window, groups=groups, add=add)
    return in_columns.bind_input_gradient(dy, weight, dx, window, groups, add)


@bound_op
def weigh(evaluator: str, dy: Any, x: Any, dweight: Any, *, window: Window, groups: int, add: bool = False) -> Bound:
    """dweight = the gradient of x * weight by weight for dy, or dweight += that."""
    if fast.computes(evaluator, dy, x, dweight):
        return fast.bind_weigh(dy, x, dweight, window=window, groups=groups, add=add)
    return in_columns.bind_weight_gradient(dy, x, dweight, window, groups, add)


@correlate.cuda
def launch_correlate(x: Any, weight: Any, y: Any, *, window: Window, groups: int, add: bool) -> Bound:
    from fusegrad.ops.convolution.on_gpu import correlation  # here, since a CPU does not need it

    return correlation(x, weight, y, window=window, groups=groups, add=add)


@spread.cuda
def launch_spread(dy: Any, weight: Any, dx: Any, *, window: Window, groups: int, add: bool) -> Bound:
    from fusegrad.ops.convolution.on_gpu import input_gradient

    return input_gradient(dy, weight, dx, window=window, groups=groups, add=add)


@weigh.cuda
def launch_weigh(dy: Any, x: Any, dweight: Any, *, window: Window, groups: int, add: bool) -> Bound:
    from fusegrad.ops.convolution.on_gpu import weight_gradient

    return weight_gradient(dy, x, dweight, window=window, groups=groups, add=add)
