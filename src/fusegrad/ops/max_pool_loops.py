"""Max pooling for Numba: rows of outputs, of which those whose windows lie in the plane are computed as vectors.

The text of these functions goes into generated modules, for `forward` one for each kind of window, whose sizes are
constants there.  Shapes: x (planes, depth, height, width), y, taps likewise, where axes that are missing have one
element; `backward` takes planes as rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.expr.modules import generated_module
from fusegrad.expr.numba_text import module_text
from fusegrad.ops.op import Bound
from fusegrad.ops.overlap import flat, offsets, starts, volumes
from fusegrad.ops.plane_threads import over_planes
from fusegrad.ops.window import Window

LEAST, LEAST_BACKWARD = 1 << 15, 1 << 17  # elements of x that are worth a thread
MOST = 9  # places of a window whose loops are written out; each kind is compiled for about a second
# Of a window, along three axes: places, stride, dilation and padding in front.  The generated text has others.
K0 = K1 = K2 = S0 = S1 = S2 = D0 = D1 = D2 = 1
B0 = B1 = B2 = 0


def is_written_out(window: Window) -> bool:
    """Whether there is a compiled loop for such windows; to others the NumPy way is as good."""
    return window.size <= MOST and prod(window.dilation) == 1


def see(
    plane: Any, y: Any, taps: Any, o: int, i: int, j: int, a0: int, a1: int, b0: int, b1: int, c0: int, c1: int
) -> None:
    """Window o of a row, which begins at (i, j): its places a0 .. a1, b0 .. b1 and c0 .. c1, which lie in the plane."""
    largest, tap = np.float32(-np.inf), (a0 * K1 + b0) * K2 + c0
    for a in range(a0, a1):
        for b in range(b0, b1):
            for c in range(c0, c1):
                # Indices that may be negative are compared with 0 and corrected, which took six times as long.
                at = np.uint64(i + a * D0), np.uint64(j + b * D1), np.uint64(o * S2 - B2 + c * D2)
                element = plane[at]
                if element > largest or (element != element and largest == largest):
                    largest = element
                    tap = (a * K1 + b) * K2 + c
    y[np.uint64(o)] = largest
    taps[np.uint64(o)] = tap


def first_inside(start: int, dilation: int) -> int:
    """The first place of a window that lies in an axis."""
    return max(0, -(start // dilation))


def stop_inside(start: int, dilation: int, size: int, extent: int) -> int:
    """The one after the last."""
    return min(size, (extent - 1 - start) // dilation + 1)


def see_edge(plane: Any, y: Any, taps: Any, o: int, i: int, j: int) -> None:
    """A window that may reach beyond the plane."""
    k = o * S2 - B2
    a0, a1 = first_inside(i, D0), stop_inside(i, D0, K0, plane.shape[0])
    b0, b1 = first_inside(j, D1), stop_inside(j, D1, K1, plane.shape[1])
    c0, c1 = first_inside(k, D2), stop_inside(k, D2, K2, plane.shape[2])
    see(plane, y, taps, o, i, j, a0, a1, b0, b1, c0, c1)


def forward(x: Any, y: Any, taps: Any, keep: int) -> None:
    """The largest elements and their places, which all go to the same row where `keep` is 0."""
    first = min(-(-B2 // S2), y.shape[3])
    stop = max(first, min((x.shape[3] - 1 - (K2 - 1) * D2 + B2) // S2 + 1, y.shape[3]))
    for p in range(x.shape[0]):
        plane = x[p]
        for a in range(y.shape[1]):
            for b in range(y.shape[2]):
                row, places = y[p, a, b], taps[p * keep, a * keep, b * keep]
                i, j = a * S0 - B0, b * S1 - B1
                is_whole = i >= 0 and j >= 0 and i + (K0 - 1) * D0 < x.shape[1] and j + (K1 - 1) * D1 < x.shape[2]
                low, high = (first, stop) if is_whole else (0, 0)
                for o in range(low):
                    see_edge(plane, row, places, o, i, j)
                for o in range(low, high):
                    see(plane, row, places, o, i, j, 0, K0, 0, K1, 0, K2)
                for o in range(high, row.size):
                    see_edge(plane, row, places, o, i, j)


def backward(dy: Any, taps: Any, dx: Any, starts: Any, offsets: Any, add: int) -> None:
    """Each element of dy to where its window begins and its tap leads, for planes seen as rows."""
    for p in range(dx.shape[0]):
        plane, gradients, places = dx[p], dy[p], taps[p]
        if add == 0:
            plane[:] = np.float32(0.0)
        for o in range(gradients.size):
            plane[np.uint64(starts[o] + offsets[places[o]])] += gradients[o]


def source(decorator: str, function: Callable[..., Any]) -> str:
    return f"{decorator}\n{inspect.getsource(function)}"


@lru_cache(maxsize=1024)
def compiled_forward(window: Window) -> Any:
    before = tuple(first for first, _ in window.padding)
    sizes = {"K": (window.kernel, 1), "S": (window.stride, 1), "D": (window.dilation, 1), "B": (before, 0)}
    lines = ["from typing import Any"]
    for letter, (entries, missing) in sizes.items():
        each = (*(missing,) * (3 - window.rank), *entries)
        lines += [f"{letter}{axis} = {number}" for axis, number in enumerate(each)]
    parts = [source("@inlined", function) for function in (see, first_inside, stop_inside, see_edge)]
    text = "\n\n".join(["\n".join(lines), *parts, source("@compiled", forward)])
    return generated_module(module_text(set(), text)).forward


@lru_cache(maxsize=1)
def compiled_backward() -> Any:
    text = "\n\n".join(["from typing import Any", source("@compiled", backward)])
    return generated_module(module_text(set(), text)).backward


def bind_forward(x: Any, y: Any, taps: Any, window: Window) -> Bound:
    """The op's forward pass; taps may be None."""
    function, x, y, taps = compiled_forward(window), volumes(x), volumes(y), volumes(taps)

    def call(part: slice) -> Bound:
        kept = np.empty((1, 1, 1, y.shape[3]), "uint8") if taps is None else taps[part]
        return partial(function, x[part], y[part], kept, int(taps is not None))

    return over_planes(x, LEAST, call)


def bind_backward(dy: Any, taps: Any, dx: Any, window: Window, add: bool) -> Bound:
    """The op's backward pass."""
    from_start = starts(window, dx.shape[2:], dy.shape[2:]).reshape(-1)
    from_window = offsets(window, dx.shape[2:])
    function, dy, taps, dx = compiled_backward(), flat(dy), flat(taps), flat(dx)

    def call(part: slice) -> Bound:
        return partial(function, dy[part], taps[part], dx[part], from_start, from_window, int(add))

    return over_planes(dx, LEAST_BACKWARD, call)
