"""Softmax and cross-entropy in one op, with classes on the last axis.

Shapes: x, dx (…, classes), each in memory of its own; target (…) integers in 0 .. classes-1, or (…, classes), a
distribution per row; weight (rows,) or None; class_weight (classes,) or None, below c; y, dy (); peaks, sums (rows,),
the largest logit of a row and Σ exp(x - peak), which are all that is kept of its softmax.  Rows with the label
`ignored` do not count.

Dtypes: y, dy, peaks, sums and class_weight are float64 for x of float64, and float32 for all others.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.ops.cross_entropy_kernels import launch_backward, launch_forward
from fusegrad.ops.cross_entropy_targets import Targets, targets_of
from fusegrad.ops.log_softmax import put_exponentials
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.row_blocks import block_like, blocks
from fusegrad.ops.shape import rows


@bound_op
def forward(
    evaluator: str,
    x: Any,
    target: Any,
    weight: Any,
    class_weight: Any,
    smoothing: float,
    y: Any,
    peaks: Any,
    sums: Any,
    ignored: int | None = None,
) -> Bound:
    """y = the (weighted) mean of -log p[label], or of -Σ goal log p, with p = softmax(x) = exp(x - peak) / sum.

    With labels, c[label] is part of the weight of a row: Σ w c (-log p) / Σ w c.  Distributions and smoothing s make
    goal = c ((1 - s) target + s / classes) and, as goal has c already, the mean Σ w (-Σ goal log p) / Σ w c[label], or
    / Σ w where there is no label.  As PyTorch has it.
    """
    targets, before = targets_of(target, weight, class_weight, smoothing, ignored, sums.dtype)
    x, losses = rows(x), np.empty_like(sums)
    if is_for_numba(evaluator, x, targets):
        from fusegrad.ops import cross_entropy_rows  # here, since only who has Numba needs it

        put_mean = None if targets.weight is None else targets.put_mean
        bound = cross_entropy_rows.bind_forward(x, targets.target, put_mean, losses, y, peaks, sums)
        return in_turn([*before, bound])
    columns = x, peaks[:, None], sums[:, None]
    if targets.have_goals:
        put = partial(put_goal_losses, targets, space_like(x, sums), space_like(x, sums))
        each = [partial(put, *part) for part in blocks(*columns, targets.by_row, losses[:, None])]
    else:
        put = partial(put_statistics, space_like(x, sums))
        each = [partial(put, *part) for part in blocks(*columns)]
        each.append(partial(put_label_losses, x, targets.target, peaks, sums, losses))
    return in_turn([*before, *each, partial(targets.put_mean, losses, y)])


@bound_op
def backward(
    evaluator: str,
    dy: Any,
    x: Any,
    target: Any,
    weight: Any,
    class_weight: Any,
    smoothing: float,
    peaks: Any,
    sums: Any,
    dx: Any,
    ignored: int | None = None,
) -> Bound:
    """dx = (p - onehot(label)) dy w c / Σ w c, or (p Σ goal - goal) dy w / Σ w, with Σ w c for labels."""
    targets, before = targets_of(target, weight, class_weight, smoothing, ignored, sums.dtype)
    x, dx, factor = rows(x), rows(dx), np.empty_like(sums)
    if is_for_numba(evaluator, x, targets):
        from fusegrad.ops import cross_entropy_rows

        bound = cross_entropy_rows.bind_backward(dy, x, targets.target, targets.weight, peaks, sums, factor, dx)
        return in_turn([*before, bound])
    columns = x, peaks[:, None], sums[:, None], factor[:, None], dx
    if targets.have_goals:
        put = partial(put_goal_gradients, targets, space_like(x, sums))
        each = [partial(put, *part) for part in blocks(*columns, targets.by_row)]
    else:
        each = [partial(put_shares, *part) for part in blocks(*columns)]
        each.append(partial(subtract_labels, targets.target, factor, dx))
    return in_turn([*before, partial(targets.put_factors, dy, factor), *each])


forward.cuda(launch_forward)
backward.cuda(launch_backward)


def is_for_numba(evaluator: str, x: Any, targets: Targets) -> bool:
    return evaluator == "numba" and not targets.have_goals and targets.class_weight is None and x.dtype == "float32"


def space_like(x: Any, sums: Any) -> Any:
    """Space for the rows of x that are handled at once, in the dtype of sums."""
    return np.empty_like(block_like(x), sums.dtype)


def put_statistics(space: Any, x: Any, peaks: Any, sums: Any) -> None:
    """The peaks and sums of some rows, columns both; `space` is for as many rows or more."""
    put_exponentials(x, space[: len(x)], peaks, sums)


def put_label_losses(x: Any, labels: Any, peaks: Any, sums: Any, losses: Any) -> None:
    """losses = log sum - (x[label] - peak), (rows,)."""
    np.subtract(x[np.arange(len(x)), labels], peaks, out=losses)
    np.subtract(np.log(sums), losses, out=losses)  # apart: log sum + peak would lose the digits of a small loss


def put_goal_losses(
    targets: Targets, space: Any, goals: Any, x: Any, peaks: Any, sums: Any, target: Any, losses: Any
) -> None:
    """losses = log sum Σ goal - Σ goal (x - peak) for some rows, and their peaks and sums."""
    shifted, goal = space[: len(x)], goals[: len(x)]
    put_exponentials(x, shifted, peaks, sums)
    targets.put_goals(target, goal)
    goal.sum(1, keepdims=True, out=losses)
    np.multiply(losses, np.log(sums), out=losses)
    np.subtract(x, peaks, out=shifted)
    np.multiply(goal, shifted, out=goal)
    np.subtract(losses, goal.sum(1, keepdims=True), out=losses)


def put_shares(x: Any, peaks: Any, sums: Any, scale: Any, dx: Any) -> None:
    """dx = softmax(x) scale for some rows; scale is a column."""
    np.subtract(x, peaks, out=dx)
    np.exp(dx, out=dx)
    np.multiply(dx, scale / sums, out=dx)


def subtract_labels(labels: Any, factor: Any, dx: Any) -> None:
    """dx[label] -= factor, row by row."""
    dx[np.arange(len(dx)), labels] -= factor


def put_goal_gradients(
    targets: Targets, goals: Any, x: Any, peaks: Any, sums: Any, factor: Any, dx: Any, target: Any
) -> None:
    """dx = (p Σ goal - goal) factor for some rows."""
    goal = goals[: len(x)]
    targets.put_goals(target, goal)
    put_shares(x, peaks, sums, goal.sum(1, keepdims=True), dx)
    np.subtract(dx, goal, out=dx)
    np.multiply(dx, factor, out=dx)
