"""What metrics add up over batches: Σ w score and Σ w, where the score of a sample is the mean over its elements.

Shapes: prediction (batch, …), floating-point; target as each op says, of any type; weight of samples (batch,) or None;
sums (2,) float64, to which every op adds.
"""

from __future__ import annotations

from math import prod
from typing import Any

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import THREADS, WORTH_A_BLOCK, blocks, teams
from fusegrad.ops.op import Bound, in_turn, op

FILE = "scoring.cu"


@op
def accuracy(prediction: Any, target: Any, weight: Any, sums: Any) -> None:
    """The scores of `right`."""
    add(sums, right(prediction, target), weight)


@op
def top_k(prediction: Any, target: Any, weight: Any, sums: Any, k: int) -> None:
    """The scores of `among_largest`."""
    add(sums, among_largest(prediction, target, k), weight)


@op
def absolute_error(prediction: Any, target: Any, weight: Any, sums: Any) -> None:
    """The scores |prediction - target|, of equal shapes."""
    add(sums, distance(prediction, target), weight)


def right(prediction: Any, target: Any) -> Any:
    """Where the largest of the logits (…, classes), the first of equal ones, is that of the label; NaN is the largest.

    Of single logits (batch,) or (batch, …, 1), where logit > 0 is target > 0.5.
    """
    if is_single(prediction):
        logits, answers = (array.reshape(len(array), -1) for array in (prediction, target))
        return (logits > 0) == (answers > 0.5)
    return prediction.argmax(-1) == labels_of(prediction, target)


def among_largest(prediction: Any, target: Any, k: int) -> Any:
    """Where less than k of the other logits (…, classes) are as large as that of the label; where it is one of them."""
    labels, classes = labels_of(prediction, target), prediction.shape[-1]
    known = (labels >= 0) & (labels < classes)
    rows = prediction.reshape(-1, classes)
    own = rows[namespace(rows).arange(len(rows)), (labels * known).reshape(-1)].reshape(*labels.shape, 1)
    # Not `prediction > own`: comparisons with NaN are false, and a network of NaN must not look perfect.
    others = (~(prediction < own)).sum(-1) - 1
    return known & (others < k)


def distance(prediction: Any, target: Any) -> Any:
    """|prediction - target| in float64."""
    return abs(prediction.astype("float64") - target)


def is_single(prediction: Any) -> bool:
    return len(prediction.shape) == 1 or prediction.shape[-1] == 1


def labels_of(prediction: Any, target: Any) -> Any:
    """Labels (…), of labels or of the first largest numbers in (…, classes)."""
    return target.argmax(-1) if target.ndim == prediction.ndim else target


def weighted(scores: Any, weight: Any) -> tuple[Any, Any]:
    """Σ w score and Σ w in float64, for scores (batch, …)."""
    per_sample = scores.reshape(len(scores), -1).astype("float64").mean(1)
    if weight is None:
        return per_sample.sum(), float(len(per_sample))
    return (per_sample * weight).sum(), weight.sum(dtype="float64")


def add(sums: Any, scores: Any, weight: Any) -> None:
    total, count = weighted(scores, weight)
    sums[0] += total
    sums[1] += count


@accuracy.cuda
def launch_accuracy(prediction: Any, target: Any, weight: Any, sums: Any) -> Bound:
    if is_single(prediction):
        return bind_elements("Sign", prediction, target, weight, sums)
    return bind_rows("Largest", prediction, target, weight, sums, 1)


@top_k.cuda
def launch_top_k(prediction: Any, target: Any, weight: Any, sums: Any, k: int) -> Bound:
    return bind_rows("AmongLargest", prediction, target, weight, sums, k)


@absolute_error.cuda
def launch_absolute_error(prediction: Any, target: Any, weight: Any, sums: Any) -> Bound:
    return bind_elements("Distance", prediction, target, weight, sums)


def bind_elements(score: str, prediction: Any, target: Any, weight: Any, sums: Any) -> Bound:
    """The launches for scores of single elements."""
    batch = len(prediction)
    grid = (blocks(prediction.size, WORTH_A_BLOCK),)
    numerators, totals = parts(prediction, grid)
    run = kernel(prediction, FILE, f"scoring_elements<{types(prediction, target, weight)}, {score}>")
    inner = prediction.size // max(1, batch)
    each = run.bind(grid, (THREADS,), prediction, target, weight, numerators, totals, batch, inner)
    return in_turn([each, bind_add(numerators, totals, inner, sums)])


def bind_rows(order: str, prediction: Any, target: Any, weight: Any, sums: Any, k: int) -> Bound:
    """The launches for scores of rows of logits, of which the label's is a hit where less than k precede it."""
    rows, width = prod(prediction.shape[:-1]), prediction.shape[-1]
    share = teams(rows, width)
    numerators, totals = parts(prediction, share.grid)
    dense = "true" if target.ndim == prediction.ndim else "false"
    name = f"scoring_rows<{types(prediction, target, weight)}, {order}, {dense}, {share.size}>"
    inner = rows // max(1, len(prediction))
    run = kernel(prediction, FILE, name)
    sizes = rows, inner, width, k
    each = run.bind(share.grid, share.block, prediction, target, weight, numerators, totals, *sizes)
    return in_turn([each, bind_add(numerators, totals, inner, sums)])


def bind_add(numerators: Any, totals: Any, inner: int, sums: Any) -> Bound:
    """The launch that adds the sums of all blocks to those of the batches before."""
    run = kernel(sums, FILE, "scoring_add")
    return run.bind((1,), (THREADS,), numerators, totals, numerators.size, inner, sums)


def parts(like: Any, grid: tuple[int, ...]) -> tuple[Any, Any]:
    """Space for two sums of each block."""
    empty = namespace(like).empty
    return empty(grid, "float64"), empty(grid, "float64")


def types(prediction: Any, target: Any, weight: Any) -> str:
    """The types of the elements as arguments of a template."""
    return ", ".join(c_type(array.dtype) for array in (prediction, target, prediction if weight is None else weight))
