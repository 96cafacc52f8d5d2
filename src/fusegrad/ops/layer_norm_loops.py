"""LayerNorm for Numba: every row stays in a cache while it is worked on.

The text of these functions goes into a generated module; see `expr/numba_text.py`.  Shapes: x, y, dy, dx (rows, width);
gamma, beta (width,); mean, rstd (rows,); parts (2, blocks, width).
"""

from __future__ import annotations

import inspect
from functools import cache, partial
from typing import Any

import numpy as np

from fusegrad.expr.modules import generated_module
from fusegrad.expr.numba_loop import LEAST_PER_THREAD
from fusegrad.expr.numba_text import module_text
from fusegrad.expr.threads import run_together, shares
from fusegrad.ops.channels.loops import deviations, total
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.row_blocks import put
from fusegrad.ops.thread_space import with_space

ROWS, BLOCKS = 64, 16  # that have sums of their own: rows at least, and how many such blocks at most


def forward(x: Any, gamma: Any, beta: Any, y: Any, mean: Any, rstd: Any, eps: float, first: int, end: int) -> None:
    """y = (x - mean) rstd gamma + beta, row by row."""
    width = np.float32(x.shape[1])
    for i in range(first, end):
        row, out = x[i], y[i]
        guess = total(row) / width
        summed, squared = deviations(row, guess)
        center = guess + summed / width
        scale = np.float32(1.0) / np.sqrt((squared - summed / width * summed) / width + np.float32(eps))
        for j in range(row.size):
            out[j] = (row[j] - center) * scale * gamma[j] + beta[j]
        mean[i] = center
        rstd[i] = scale


def slopes(dy: Any, row: Any, gamma: Any, center: Any, scale: Any) -> Any:
    """The sums of g and g n over a row."""
    summed, turned = np.float32(0.0), np.float32(0.0)
    for j in range(row.size):
        g = dy[j] * gamma[j]
        summed += g
        turned += g * ((row[j] - center) * scale)
    return summed, turned


def backward(
    dy: Any, x: Any, gamma: Any, mean: Any, rstd: Any, dx: Any, add: bool, parts: Any, each: int, first: int, end: int
) -> None:
    """dx = rstd (g - mean(g) - n mean(g n)), or added, and the sums of dy n and dy over blocks of `each` rows."""
    width = np.float32(x.shape[1])
    for block in range(first, end):
        of_gamma, of_beta = parts[0, block], parts[1, block]
        of_gamma[:] = np.float32(0.0)
        of_beta[:] = np.float32(0.0)
        for i in range(block * each, min(block * each + each, x.shape[0])):
            row, slope, out, center, scale = x[i], dy[i], dx[i], mean[i], rstd[i]
            summed, turned = slopes(slope, row, gamma, center, scale)
            offset, tilt = summed / width, turned / width
            for j in range(row.size):
                n = (row[j] - center) * scale
                before = out[j] if add else np.float32(0.0)
                of_gamma[j] += slope[j] * n
                of_beta[j] += slope[j]
                out[j] = before + scale * (slope[j] * gamma[j] - offset - n * tilt)


@cache
def compiled() -> Any:
    """The module in which these functions are compiled."""
    code = [f"@reduction\n{inspect.getsource(function)}" for function in (total, deviations, slopes)]
    code += [f"@compiled\n{inspect.getsource(function)}" for function in (forward, backward)]
    return generated_module(module_text(set(), "\n\n".join(["from typing import Any", *code])))


def bind_forward(x: Any, gamma: Any, beta: Any, y: Any, mean: Any, rstd: Any, eps: float) -> Bound:
    """The forward pass, rows being split over threads; gamma and beta may be None."""
    arrays = x, weight_like(gamma, x, 1), weight_like(beta, x, 0), y, mean, rstd, eps
    pieces = shares(len(x), max(1, LEAST_PER_THREAD // x.shape[1]), 1)
    return together([partial(compiled().forward, *arrays, piece.start, piece.stop) for piece in pieces])


def bind_backward(
    dy: Any, x: Any, gamma: Any, mean: Any, rstd: Any, dx: Any, dgamma: Any, dbeta: Any, adds: tuple[bool, bool, bool]
) -> Bound:
    """The backward pass, blocks of rows, which the number of threads does not change, being split over threads."""
    add_dx, add_dgamma, add_dbeta = adds
    each = max(ROWS, -(-len(x) // BLOCKS))
    blocks = -(-len(x) // each)
    pieces = shares(blocks, max(1, LEAST_PER_THREAD // (each * x.shape[1])), 1)

    def bind(parts: Any) -> Bound:
        arrays = dy, x, weight_like(gamma, x, 1), mean, rstd, dx, add_dx, parts, each
        calls = [together([partial(compiled().backward, *arrays, piece.start, piece.stop) for piece in pieces])]
        for part, gradient, add in zip(parts, (dgamma, dbeta), (add_dgamma, add_dbeta), strict=True):
            if gradient is not None:
                calls.append(partial(put_sum, part, gradient, add))
        return in_turn(calls)

    return with_space(x, bind, ((2, blocks, x.shape[1]), x.dtype))


def put_sum(part: Any, gradient: Any, add: bool) -> None:
    put(gradient, part.sum(axis=0), add)


def weight_like(weight: Any, x: Any, value: float) -> Any:
    return np.full(x.shape[1], value, x.dtype) if weight is None else weight


def together(calls: list[Bound]) -> Bound:
    return calls[0] if len(calls) == 1 else partial(run_together, calls)
