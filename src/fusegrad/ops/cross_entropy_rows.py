"""Softmax and cross-entropy of integer labels for Numba: every row stays in a cache while it is worked on.

The text of these functions goes into a generated module, where `exp` and `log` are our polynomials; see
`expr/numba_text.py`.  They run as they stand, too, on Python's numbers.
"""

from __future__ import annotations

import inspect
from functools import cache, partial
from typing import Any

import numpy as np

from fusegrad.expr.modules import generated_module
from fusegrad.expr.numba_loop import LEAST_PER_THREAD
from fusegrad.expr.numba_text import module_text
from fusegrad.expr.polynomials import exp, log
from fusegrad.expr.threads import run_together, shares
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.weighting import put_factor


def largest(row: Any) -> Any:
    """The largest number of a row."""
    peak = row[0]
    for j in range(row.size):
        peak = row[j] if row[j] > peak else peak
    return peak


def exponentials(row: Any, peak: Any) -> Any:
    """The sum of exp(x - peak) over a row."""
    summed = np.float32(0.0)
    for j in range(row.size):
        summed += exp(row[j] - peak)
    return summed


def forward(x: Any, labels: Any, losses: Any, peaks: Any, sums: Any) -> None:
    """losses = -log softmax(x)[label], and what is kept of the softmax, row by row."""
    for i in range(x.shape[0]):
        row = x[i]
        peak = largest(row)
        summed = exponentials(row, peak)
        peaks[i] = peak
        sums[i] = summed
        losses[i] = log(summed) - (row[labels[i]] - peak)  # apart: their sum would lose the digits of a small loss


def backward(x: Any, labels: Any, peaks: Any, sums: Any, factor: Any, dx: Any) -> None:
    """dx = (softmax(x) - onehot(label)) factor, row by row."""
    for i in range(dx.shape[0]):
        row, out, peak, scale = x[i], dx[i], peaks[i], factor[i] / sums[i]
        for j in range(row.size):
            out[j] = exp(row[j] - peak) * scale
        out[labels[i]] -= factor[i]


def forward_and_mean(x: Any, labels: Any, losses: Any, y: Any, peaks: Any, sums: Any) -> None:
    """`forward` and `mean` in one call."""
    forward(x, labels, losses, peaks, sums)
    mean(losses, y)


def mean(losses: Any, y: Any) -> None:
    """y = the mean of the losses, summed in float64."""
    summed = 0.0
    for i in range(losses.size):
        summed += losses[i]
    y[()] = summed / losses.size


def backward_of_mean(x: Any, labels: Any, peaks: Any, sums: Any, dy: Any, rows: int, dx: Any) -> None:
    """dx = (softmax(x) - onehot(label)) dy / rows."""
    factor = np.float32(dy[()] / rows)
    for i in range(dx.shape[0]):
        row, out, peak, scale = x[i], dx[i], peaks[i], factor / sums[i]
        for j in range(row.size):
            out[j] = exp(row[j] - peak) * scale
        out[labels[i]] -= factor


@cache
def compiled() -> Any:
    """The module in which these functions are compiled."""
    reductions, loops = (largest, exponentials), (mean, forward, backward, forward_and_mean, backward_of_mean)
    code = [f"@reduction\n{inspect.getsource(function)}" for function in reductions]
    code += [f"@compiled\n{inspect.getsource(function)}" for function in loops]
    text = "\n\n".join(["from typing import Any", *code])
    return generated_module(module_text({"exp", "log"}, text))


def bind_forward(x: Any, labels: Any, put_mean: Any, losses: Any, y: Any, peaks: Any, sums: Any) -> Bound:
    """The op's forward pass on rows, split over threads where it is large; `put_mean` is None where all count 1."""
    module, pieces = compiled(), shares(len(x), max(1, LEAST_PER_THREAD // x.shape[1]), 1)
    if put_mean is None and len(pieces) == 1:
        return partial(module.forward_and_mean, x, labels, losses, y, peaks, sums)
    calls = [partial(module.forward, x[p], labels[p], losses[p], peaks[p], sums[p]) for p in pieces]
    return in_turn([partial(run_together, calls), partial(put_mean or module.mean, losses, y)])


def bind_backward(dy: Any, x: Any, labels: Any, weight: Any, peaks: Any, sums: Any, factor: Any, dx: Any) -> Bound:
    """The op's backward pass on rows, split over threads where it is large."""
    module, pieces = compiled(), shares(len(dx), max(1, LEAST_PER_THREAD // dx.shape[1]), 1)
    given = [(x[p], labels[p], peaks[p], sums[p]) for p in pieces]
    if weight is None:
        pairs = zip(given, pieces, strict=True)
        calls = [partial(module.backward_of_mean, *arrays, dy, len(dx), dx[p]) for arrays, p in pairs]
        return calls[0] if len(calls) == 1 else partial(run_together, calls)
    calls = [partial(module.backward, *arrays, factor[p], dx[p]) for arrays, p in zip(given, pieces, strict=True)]
    return in_turn([partial(put_factor, weight, dy, len(dx), factor), partial(run_together, calls)])
