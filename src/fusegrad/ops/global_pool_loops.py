"""Means and maxima of planes for Numba, and the gradient of the means; planes are rows (planes, elements).

The text of these functions goes into a generated module.
"""

from __future__ import annotations

import inspect
from functools import cache, partial
from typing import Any

import numpy as np

from fusegrad.expr.modules import generated_module
from fusegrad.expr.numba_text import module_text
from fusegrad.ops.op import Bound
from fusegrad.ops.plane_threads import over_planes

LEAST, LEAST_TO_COMPARE = 1 << 19, 1 << 15  # elements that are worth a thread: 30 ns per thousand, and 800


def total(row: Any) -> Any:
    """The sum of a row."""
    summed = np.float32(0.0)
    for j in range(row.size):
        summed += row[j]
    return summed


def mean(x: Any, y: Any) -> None:
    """y = the mean of each row, whose stretches are added in float64: float32 loses what is added to a large sum."""
    for p in range(x.shape[0]):
        summed = 0.0
        for start in range(0, x.shape[1], 4096):
            summed += total(x[p, start : start + 4096])
        y[p] = summed / x.shape[1]


def mean_backward(dy: Any, dx: Any) -> None:
    """dx = dy / the length of a row, all along it."""
    for p in range(dx.shape[0]):
        dx[p] = dy[p] / np.float32(dx.shape[1])


def largest(x: Any, y: Any, places: Any) -> None:
    """The largest element of each row, and its place."""
    for p in range(x.shape[0]):
        row, place = x[p], 0
        found = row[0]
        for j in range(row.size):
            if row[j] > found or (row[j] != row[j] and found == found):
                found = row[j]
                place = j
        y[p] = found
        places[p] = place


@cache
def compiled() -> Any:
    """The module in which these functions are compiled."""
    code = [f"@reduction\n{inspect.getsource(total)}"]
    code += [f"@compiled\n{inspect.getsource(function)}" for function in (mean, mean_backward, largest)]
    return generated_module(module_text(set(), "\n\n".join(["from typing import Any", *code])))


def bind_mean(x: Any, y: Any) -> Bound:
    return over_planes(x, LEAST, lambda part: partial(compiled().mean, x[part], y[part]))


def bind_mean_backward(dy: Any, dx: Any) -> Bound:
    return over_planes(dx, LEAST, lambda part: partial(compiled().mean_backward, dy[part], dx[part]))


def bind_largest(x: Any, y: Any, places: Any) -> Bound:
    return over_planes(x, LEAST_TO_COMPARE, lambda part: partial(compiled().largest, x[part], y[part], places[part]))
