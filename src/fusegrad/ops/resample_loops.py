"""Linear maps along the axes of planes for Numba: rows are combined first, then the elements of their sum.

The text of this function goes into a generated module.  Shapes: x (planes, depth, height, width), y likewise.
"""

from __future__ import annotations

import inspect
from functools import cache, partial
from typing import Any

import numpy as np

from fusegrad.expr.modules import generated_module
from fusegrad.expr.numba_text import module_text
from fusegrad.ops.axis_map import AxisMap, tables
from fusegrad.ops.op import Bound
from fusegrad.ops.overlap import volumes
from fusegrad.ops.plane_threads import over_planes

LEAST = 1 << 15  # elements that are worth a thread


def resample(x: Any, y: Any, starts: Any, sources: Any, weights: Any, row: Any, add: int) -> None:
    """y = the mapped x, or that added; `row` is space for a row of x."""
    depth, height = y.shape[1], y.shape[2]
    for p in range(x.shape[0]):
        for a in range(depth):
            for b in range(height):
                row[:] = np.float32(0.0)
                for s in range(starts[a], starts[a + 1]):
                    for t in range(starts[depth + b], starts[depth + b + 1]):
                        weight, source = weights[s] * weights[t], x[p, sources[s], sources[t]]
                        for j in range(row.size):
                            row[j] += weight * source[j]
                result, columns = y[p, a, b], starts[depth + height :]
                for c in range(result.size):
                    summed = result[c] if add else np.float32(0.0)
                    for t in range(columns[c], columns[c + 1]):
                        summed += weights[np.uint64(t)] * row[np.uint64(sources[np.uint64(t)])]
                    result[c] = summed


@cache
def compiled() -> Any:
    """The module in which it is compiled."""
    text = f"from typing import Any\n\n@compiled\n{inspect.getsource(resample)}"
    return generated_module(module_text(set(), text)).resample


def bind_loops(x: Any, y: Any, maps: tuple[AxisMap, ...], add: bool) -> Bound:
    """The op, planes split over threads."""
    function, given = compiled(), tables(maps, "float32")
    x, y = volumes(x), volumes(y)

    def call(part: slice) -> Bound:
        return partial(function, x[part], y[part], *given, np.empty(x.shape[3], "float32"), int(add))

    return over_planes(max(x, y, key=lambda array: array.size), LEAST, call)
