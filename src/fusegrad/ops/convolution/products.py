"""The three products of a convolution, each linear in both of its factors."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.ops.op import Bound, bound_op
from fusegrad.ops.window import Window


@bound_op
def correlate(evaluator: str, x: Any, weight: Any, y: Any, *, window: Window, groups: int, add: bool = False) -> Bound:
    """y = x * weight, or y += that."""
    return partial(put_correlation, x, weight, y, window, groups, add)


@bound_op
def spread(evaluator: str, dy: Any, weight: Any, dx: Any, *, window: Window, groups: int, add: bool = False) -> Bound:
    """dx = the gradient of x * weight by x for dy, or dx += that."""
    return partial(put_input_gradient, dy, weight, dx, window, groups, add)


@bound_op
def weigh(evaluator: str, dy: Any, x: Any, dweight: Any, *, window: Window, groups: int, add: bool = False) -> Bound:
    """dweight = the gradient of x * weight by weight for dy, or dweight += that."""
    return partial(put_weight_gradient, dy, x, dweight, window, groups, add)


def put_correlation(x: Any, weight: Any, y: Any, window: Window, groups: int, add: bool) -> None:
    padded = pad(x, window)
    if not add:
        y.fill(0)
    of_x, of_y, of_weight = grouped(padded, groups), grouped(y, groups), weight.reshape(groups, -1, *weight.shape[1:])
    for tap in window.taps():
        seen = at_tap(of_x, window, tap, y.shape[2:])
        of_y += np.einsum("goi,ngi...->ngo...", of_weight[(..., *tap)], seen)


def put_input_gradient(dy: Any, weight: Any, dx: Any, window: Window, groups: int, add: bool) -> None:
    padded = np.zeros_like(pad(dx, window))
    of_x, of_y, of_weight = grouped(padded, groups), grouped(dy, groups), weight.reshape(groups, -1, *weight.shape[1:])
    for tap in window.taps():
        seen = at_tap(of_x, window, tap, dy.shape[2:])
        seen += np.einsum("goi,ngo...->ngi...", of_weight[(..., *tap)], of_y)
    inside = padded[(..., *(slice(b, b + n) for (b, _), n in zip(window.padding, dx.shape[2:], strict=True)))]
    dx[...] = dx + inside if add else inside


def put_weight_gradient(dy: Any, x: Any, dweight: Any, window: Window, groups: int, add: bool) -> None:
    of_x, of_y = grouped(pad(x, window), groups), grouped(dy, groups)
    for tap in window.taps():
        seen = at_tap(of_x, window, tap, dy.shape[2:])
        place = dweight[(..., *tap)]
        product = np.einsum("ngop,ngip->goi", flat(of_y), flat(seen)).reshape(place.shape)
        place[...] = place + product if add else product


def pad(x: Any, window: Window) -> Any:
    return np.pad(x, ((0, 0), (0, 0), *window.padding))


def grouped(x: Any, groups: int) -> Any:
    return x.reshape(x.shape[0], groups, -1, *x.shape[2:])


def flat(x: Any) -> Any:
    return x.reshape(*x.shape[:3], -1)


def at_tap(padded: Any, window: Window, tap: tuple[int, ...], outputs: tuple[int, ...]) -> Any:
    """What lies at one place of all windows."""
    starts = [k * dilation for k, dilation in zip(tap, window.dilation, strict=True)]
    ends = [s + (count - 1) * step + 1 for s, count, step in zip(starts, outputs, window.stride, strict=True)]
    return padded[(..., *map(slice, starts, ends, window.stride))]
