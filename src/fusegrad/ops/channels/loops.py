"""Sums over the planes of a channel for Numba, one read of memory each: every plane stays in a cache for as long.

The text of these functions goes into generated modules; see `expr/numba_text.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np

from fusegrad.expr.loop import Loop
from fusegrad.expr.modules import generated_module
from fusegrad.expr.node import Expr, topological
from fusegrad.expr.numba_loop import LEAST_PER_THREAD
from fusegrad.expr.numba_text import module_text, statements
from fusegrad.expr.threads import run_together, shares
from fusegrad.ops.op import Bound


def total(row: Any) -> Any:
    """The sum of a row."""
    summed = np.float32(0.0)
    for j in range(row.size):
        summed += row[j]
    return summed


def deviations(row: Any, center: Any) -> Any:
    """The sums of x - center and of their squares over a row."""
    summed, squared = np.float32(0.0), np.float32(0.0)
    for j in range(row.size):
        deviation = row[j] - center
        summed += deviation
        squared += deviation * deviation
    return summed, squared


def moments(x: Any, center: Any, squares: Any, first: int, end: int) -> None:
    """Mean and sum of squared deviations of some channels, whose planes are combined after Chan et al., 1983."""
    places = x.shape[2]
    for c in range(first, end):
        mean, around = 0.0, 0.0
        for i in range(x.shape[0]):
            row = x[i, c]
            guess = total(row) / np.float32(places)
            summed, squared = deviations(row, guess)
            own_mean = guess + summed / np.float64(places)  # exact to the last digit of x, which `guess` need not be
            own_around = squared - summed / np.float64(places) * summed
            away = own_mean - mean
            mean += away / (i + 1.0)
            around += own_around + away * away * (places * (i / (i + 1.0)))
        center[c] = mean
        squares[c] = around


# The sums of dh and of dh (x - center) of some channels, planes being added in float64.
SUMS = """\
@inlined
def of_element({parameters}):
{lines}
    return {results}

@reduction
def of_row(dy, x, center, scale, shift):
    by_shift, by_scale = np.float32(0.0), np.float32(0.0)
    for j in range(x.size):
        dh, turned = of_element({arguments})
        by_shift += dh
        by_scale += turned
    return by_shift, by_scale

@compiled
def sums(dy, x, center, scale, shift, dscale, dshift, first, end):
    for c in range(first, end):
        by_shift, by_scale = 0.0, 0.0
        for i in range(x.shape[0]):
            one, other = of_row(dy[i, c], x[i, c], center[c], scale[c], shift[c])
            by_shift += one
            by_scale += other
        dshift[c] = by_shift
        dscale[c] = by_scale
"""


@cache
def compiled_moments() -> Any:
    code = [f"@reduction\n{inspect.getsource(function)}" for function in (total, deviations)]
    text = "\n\n".join(["from typing import Any", *code, f"@compiled\n{inspect.getsource(moments)}"])
    return generated_module(module_text(set(), text)).moments


@lru_cache(maxsize=1024)
def compiled_sums(in_row: Loop) -> Any:
    """The function `sums` for the loop whose two targets are dh and dh (x - center)."""
    roots = in_row.lowered("float32", sigmoid=False)
    order = topological(roots)
    given = reads(order)
    lines, held = statements(order, {name: name for name in given})
    in_row_of = {"dy": "dy[j]", "x": "x[j]"}
    code = SUMS.format(
        parameters=", ".join(given),
        lines="\n".join(f"    {line}" for line in lines),
        results=", ".join(held[root] for root in roots),
        arguments=", ".join(in_row_of.get(name, name) for name in given),
    )
    return generated_module(module_text({node.op for node in order}, code)).sums


def reads(order: list[Expr]) -> list[str]:
    return [node.value for node in order if node.op == "argument"]


def bind_moments(x: Any, center: Any, squares: Any) -> Bound:
    """The moments of x (batch, channels, places)."""
    return over_channels(x, compiled_moments(), x, center, squares)


def bind_sums(in_row: Loop, dy: Any, x: Any, numbers: Mapping[str, Any], dscale: Any, dshift: Any) -> Bound:
    """The sums over dy and x (batch, channels, places)."""
    own = [numbers[name] for name in ("center", "scale", "shift")]
    return over_channels(x, compiled_sums(in_row), dy, x, *own, dscale, dshift)


def over_channels(x: Any, run: Any, *arrays: Any) -> Bound:
    """Channels split over threads; all threads see whole arrays, since for others other code would be compiled."""
    batch, channels, places = x.shape
    pieces = shares(channels, max(1, LEAST_PER_THREAD // max(1, batch * places)), 1)
    calls = [partial(run, *arrays, piece.start, piece.stop) for piece in pieces]
    return calls[0] if len(calls) == 1 else partial(run_together, calls)
