"""What the losses share: the mean over a batch in which every sample has a weight.

Shapes: losses (batch, …); weight (batch,) or None for equal weights; factor (batch,); y, dy ().
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.ops.grids import THREADS, WORTH_A_BLOCK, blocks, elements_at_once
from fusegrad.ops.op import Bound, in_turn

FILE = "weighting.cu"


def bind_mean(evaluator: str, losses: Any, weight: Any, y: Any) -> Bound:
    """`put_mean`, or the launches that do the same."""
    if evaluator != "cuda":
        return partial(put_mean, losses, weight, y)
    if weight is None:
        sums, run = bind_sums(losses)
        return in_turn([run, bind_quotient(sums, None, losses.size, y)])
    inner = losses.size // max(1, len(losses))
    numerators, totals = (space(losses.size, losses, losses.dtype) for _ in range(2))
    types = f"{c_type(losses.dtype)}, {c_type(weight.dtype)}"
    each = kernel(losses, FILE, f"weighting_weighted_sums<{types}, {elements_at_once(inner, losses)}>")
    sum_up = each.bind(totals.shape, (THREADS,), losses, weight, numerators, totals, len(losses), inner)
    return in_turn([sum_up, bind_quotient(numerators, totals, inner, y)])


def bind_factor(evaluator: str, weight: Any, dy: Any, count: int, factor: Any) -> Bound:
    """`put_factor`, or the launches that do the same."""
    if evaluator != "cuda":
        return partial(put_factor, weight, dy, count, factor)
    sums, run = bind_sums(weight)
    put = kernel(weight, FILE, f"weighting_factor<{c_type(factor.dtype)}, {c_type(weight.dtype)}>")
    batch = len(weight)
    grid = (blocks(batch, THREADS),)
    return in_turn([run, put.bind(grid, (THREADS,), weight, dy, sums, sums.size, batch / count, factor, batch)])


def bind_sums(x: Any) -> tuple[Any, Bound]:
    """Space for partial sums of an array, one for each block, and the launch that computes them."""
    sums = space(x.size, x, x.dtype)
    run = kernel(x, FILE, f"weighting_sums<{c_type(x.dtype)}>")
    return sums, run.bind(sums.shape, (THREADS,), x, sums, x.size)


def bind_quotient(numerators: Any, totals: Any, count: int, y: Any) -> Bound:
    """The launch of y = Σ numerators / (count Σ totals), 0 where the totals are 0; None for totals whose sum is 1."""
    run = kernel(y, FILE, f"weighting_mean<{c_type(y.dtype)}>")
    return run.bind((1,), (THREADS,), numerators, totals, numerators.size, count, y)


def space(items: int, like: Any, dtype: Any) -> Any:
    """An array for one sum of each block, where the array `like` lies."""
    return namespace(like).empty(blocks(items, WORTH_A_BLOCK), accumulated(dtype))


def put_mean(losses: Any, weight: Any, y: Any) -> None:
    """y = the mean over all elements, or over samples by weight: Σ wᵢ mean(lossesᵢ) / Σ wᵢ."""
    if weight is None:
        y[...] = losses.sum() / losses.size  # a third of the time of `mean` on small arrays
    else:
        per_sample = losses.reshape(len(losses), -1).mean(1)
        y[...] = np.vdot(per_sample, weight) / total(weight)


def put_factor(weight: Any, dy: Any, count: int, factor: Any) -> None:
    """factor = dy wᵢ / (Σ w · count / batch): what a sample's weight makes of the gradient of the mean."""
    np.multiply(weight, dy * (len(weight) / count) / total(weight), out=factor)


def total(weight: Any) -> Any:
    """Σ w, or infinity where that is 0: a batch of weight 0 has loss and gradient 0, not NaN."""
    summed = weight.sum()
    return np.where(summed == 0, np.full_like(summed, np.inf), summed)
