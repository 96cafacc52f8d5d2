"""The largest element of each window, and its gradient, which goes to that element alone.

Shapes: x, dx (batch, channels, *extents); y, dy, taps, indices (batch, channels, *places), for one to three axes.  Each
window meets the array.  What lies outside is smaller than any number; of several that are largest the first counts, in
C order, and NaN is larger than all numbers.  taps, places in windows, are of `tap_dtype`; indices, places in planes,
int64.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.overlap import Overlap, offsets, overlaps, pieces, plane_share, planes, starts
from fusegrad.ops.window import Extents, Window

FILE = "max_pool.cu"


def tap_dtype(window: Window) -> str:
    """The dtype of the number of a place in the window."""
    return "uint8" if window.size <= 256 else "int32"


@bound_op
def predict(evaluator: str, x: Any, y: Any, window: Window) -> Bound:
    """y = the largest element of each window."""
    return forward.bound(evaluator, x, y, None, window)


@bound_op
def forward(evaluator: str, x: Any, y: Any, taps: Any, window: Window) -> Bound:
    """y = the largest element of each window; taps, which may be None, where in the window it is."""
    if evaluator == "numba" and x.dtype == "float32":
        from fusegrad.ops.max_pool_loops import bind_forward, is_written_out  # here, since only who has Numba needs it

        if is_written_out(window):
            return bind_forward(x, y, taps, window)
    parts = overlaps(window, x.shape[2:], y.shape[2:])
    x, y, taps = planes(x), planes(y), planes(taps)
    calls: list[Bound] = []
    cuts = pieces(x)
    spaces = [np.empty(y[cuts[0]].shape, "bool") for _ in range(2)] if cuts and taps is not None else []
    for cut in cuts:
        calls.append(partial(put_maxima, x[cut], y[cut], parts))
        if taps is not None:
            calls.append(partial(put_taps, x[cut], y[cut], taps[cut], parts, *spaces))
    return in_turn(calls)


@bound_op
def forward_indices(evaluator: str, x: Any, y: Any, taps: Any, indices: Any, window: Window) -> Bound:
    """`forward`, and indices = where in the plane of its channel the largest element is, counted in C order."""
    finding = forward.bound(evaluator, x, y, taps, window)
    from_start, from_window = starts(window, x.shape[2:], y.shape[2:]), offsets(window, x.shape[2:])
    return in_turn([finding, partial(put_indices, taps, indices, from_window, from_start)])


@bound_op
def backward(evaluator: str, dy: Any, taps: Any, dx: Any, window: Window, add_dx: bool = False) -> Bound:
    """dx = the sum of dy over the windows whose largest element it is of, or that added."""
    if evaluator == "numba" and dy.dtype == "float32":
        from fusegrad.ops.max_pool_loops import bind_backward

        return bind_backward(dy, taps, dx, window, add_dx)
    parts = overlaps(window, dx.shape[2:], dy.shape[2:])
    dy, taps, dx = planes(dy), planes(taps), planes(dx)
    cuts = pieces(dx)
    space = np.empty(dy[cuts[0]].shape, "bool") if cuts else None
    calls: list[Bound] = [partial(spread, dy[cut], taps[cut], dx[cut], parts, space) for cut in cuts]
    return in_turn(calls if add_dx else [partial(dx.fill, 0), *calls])


def put_maxima(x: Any, y: Any, parts: list[Overlap]) -> None:
    y.fill(-np.inf if y.dtype.kind == "f" else np.iinfo(y.dtype).min)
    for part in parts:
        largest = y[part.windows]
        np.maximum(largest, x[part.elements], out=largest)


def put_taps(x: Any, y: Any, taps: Any, parts: list[Overlap], found: Any, is_nan: Any) -> None:
    """The last place first, so that the first of several that are equal is the one that stays."""
    found, is_nan = found[: len(y)], is_nan[: len(y)]
    for part in reversed(parts):
        elements, here, nan_here = x[part.elements], found[part.windows], is_nan[part.windows]
        np.equal(elements, y[part.windows], out=here)
        np.not_equal(elements, elements, out=nan_here)
        np.logical_or(here, nan_here, out=here)
        np.copyto(taps[part.windows], part.tap, where=here)


def put_indices(taps: Any, indices: Any, from_window: Any, from_start: Any) -> None:
    np.take(from_window, taps, out=indices, mode="clip")
    np.add(indices, from_start, out=indices)


def spread(dy: Any, taps: Any, dx: Any, parts: list[Overlap], found: Any) -> None:
    found = found[: len(dy)]
    for part in parts:
        here, elements = found[part.windows], dx[part.elements]
        np.equal(taps[part.windows], part.tap, out=here)
        np.add(elements, dy[part.windows], out=elements, where=here)


@predict.cuda
def launch_predict(x: Any, y: Any, window: Window) -> Bound:
    return launch_forward(x, y, None, window)


@forward.cuda
def launch_forward(x: Any, y: Any, taps: Any, window: Window) -> Bound:
    return launched(x, y, taps, None, window)


@forward_indices.cuda
def launch_forward_indices(x: Any, y: Any, taps: Any, indices: Any, window: Window) -> Bound:
    return launched(x, y, taps, indices, window)


def launched(x: Any, y: Any, taps: Any, indices: Any, window: Window) -> Bound:
    run = kernel(x, FILE, f"max_pool_forward<{c_type(x.dtype)}, {c_type(tap_dtype(window))}>")
    sizes = prod(y.shape[:2]), *numbers(window, x.shape[2:], y.shape[2:])
    return run.bind(*plane_share(x, y), x, y, taps, indices, *sizes)


@backward.cuda
def launch_backward(dy: Any, taps: Any, dx: Any, window: Window, add_dx: bool = False) -> Bound:
    run = kernel(dy, FILE, f"max_pool_backward<{c_type(dy.dtype)}, {c_type(taps.dtype)}>")
    sizes = prod(dx.shape[:2]), add_dx, *numbers(window, dx.shape[2:], dy.shape[2:])
    return run.bind(*plane_share(dy, dx), dy, taps, dx, *sizes)


def numbers(window: Window, extents: Extents, places: Extents) -> list[int]:
    """What the kernels want to know of each of three axes, axis by axis; those that are missing have one element."""
    before = tuple(first for first, _ in window.padding)
    each = list(zip(extents, places, window.kernel, window.stride, window.dilation, before, strict=True))
    return [number for axis in [(1, 1, 1, 1, 1, 0)] * (3 - window.rank) + each for number in axis]
