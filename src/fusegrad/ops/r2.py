"""What R² adds up over batches, without the cancellation of Σ t² - (Σ t)² / n: Chan, Golub and LeVeque, 1979.

Shapes: prediction, target (batch, …), of which what follows the batch are columns; weight of samples (batch,) or None;
sums (4, columns) float64: Σ w, the mean of the target, Σ w (target - mean)² and Σ w (prediction - target)².
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import THREADS
from fusegrad.ops.op import Bound, op

FILE = "r2.cu"
TINY = float(np.finfo("float64").tiny)


@op
def add(prediction: Any, target: Any, weight: Any, sums: Any) -> None:
    """Merge a batch into the sums; with sums of 0 they become those of the batch."""
    for row, number in zip(sums, merged(sums, moments(prediction, target, weight)), strict=True):
        row[...] = number


@add.cuda
def launch_add(prediction: Any, target: Any, weight: Any, sums: Any) -> Bound:
    """A block for each column, which reads it twice."""
    batch, columns = len(prediction), sums.shape[1]
    types = ", ".join(c_type(array.dtype) for array in (prediction, target, prediction if weight is None else weight))
    run = kernel(prediction, FILE, f"r2_add<{types}>")
    return run.bind((columns,), (THREADS,), prediction, target, weight, sums, batch, columns)


def moments(prediction: Any, target: Any, weight: Any) -> tuple[Any, Any, Any, Any]:
    """The sums of one batch; Σ w is one number."""
    t = target.reshape(len(target), -1).astype("float64")
    error = prediction.reshape(len(t), -1) - t
    w = np.ones_like(t[:, :1]) if weight is None else weight.reshape(-1, 1).astype("float64")
    count = w.sum()
    mean = (w * t).sum(0) / np.maximum(count, TINY)
    return count, mean, (w * (t - mean) ** 2).sum(0), (w * error**2).sum(0)


def merged(old: Sequence[Any], new: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
    """The sums of two sets of samples from those of each."""
    (count, mean, spread, error), (more, mean_there, spread_there, error_there) = old, new
    share = more / np.maximum(count + more, TINY)
    shift = mean_there - mean
    return (
        count + more,
        mean + shift * share,
        spread + spread_there + shift**2 * (count * share),
        error + error_there,
    )
