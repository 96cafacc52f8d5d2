"""Softmax and cross-entropy in one op, with classes on the last axis.

Shapes: x, dx, probability (…, classes); target (…) integers in 0 .. classes-1, or (…, classes), a distribution per
row; weight (rows,) or None; class_weight (classes,) or None, below c; losses, factor (rows,) are space that the ops
overwrite, as is goal, of x's shape, which holds the smoothed targets c ((1 - s) target + s / classes); with labels and
smoothing s = 0 it is None; y, dy ().  Rows with the label `ignored` do not count.  Kernels leave the space alone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.ops.cross_entropy_kernels import launch_backward, launch_forward
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.shape import rows
from fusegrad.ops.weighting import put_factor, put_mean, total


@bound_op
def forward(
    evaluator: str,
    x: Any,
    target: Any,
    weight: Any,
    class_weight: Any,
    smoothing: float,
    goal: Any,
    losses: Any,
    y: Any,
    probability: Any,
    ignored: int | None = None,
) -> Bound:
    """y = the (weighted) mean of -log p[label], or of -Σ goal log p, with p = softmax(x).

    With labels, c[label] is part of the weight of a row: Σ w c (-log p) / Σ w c; and so it is under smoothing, where
    the mean is Σ w (-Σ goal log p) / Σ w c, because goal has c already.  As PyTorch has it.
    """
    if ignored is not None:
        target, weight, refresh = without(ignored, target, weight, x.dtype)
        options = {"goal": goal, "losses": losses, "y": y, "probability": probability}
        whole = forward.bound(evaluator, x, target, weight, class_weight, smoothing, **options)
        return in_turn([refresh, whole])
    if evaluator == "numba" and goal is None and class_weight is None and x.dtype == "float32":
        from fusegrad.ops import cross_entropy_rows  # here, since only who has Numba needs it

        labels = target.reshape(-1)
        return cross_entropy_rows.bind_forward(rows(x), labels, weight, losses, y, rows(probability))
    if goal is None:
        return partial(forward_of_labels, x, target, weight, class_weight, losses, y, probability)
    return partial(forward_of_goals, x, target, weight, class_weight, smoothing, goal, losses, y, probability)


@bound_op
def backward(
    evaluator: str,
    dy: Any,
    probability: Any,
    target: Any,
    weight: Any,
    class_weight: Any,
    smoothing: float,
    goal: Any,
    factor: Any,
    dx: Any,
    ignored: int | None = None,
) -> Bound:
    """dx = (p - onehot(label)) dy w c / Σ w c, or (p Σ goal - goal) dy w / Σ w, with Σ w c for labels.

    dx may be the very memory of probability.
    """
    if ignored is not None:
        target, weight, refresh = without(ignored, target, weight, dx.dtype)
        options = {"goal": goal, "factor": factor, "dx": dx}
        whole = backward.bound(evaluator, dy, probability, target, weight, class_weight, smoothing, **options)
        return in_turn([refresh, whole])
    if evaluator == "numba" and goal is None and class_weight is None and dx.dtype == "float32":
        from fusegrad.ops import cross_entropy_rows

        return cross_entropy_rows.bind_backward(dy, rows(probability), target.reshape(-1), weight, factor, rows(dx))
    if goal is None:
        return partial(backward_of_labels, dy, probability, target, weight, class_weight, factor, dx)
    return partial(backward_of_goals, dy, probability, target, weight, class_weight, smoothing, goal, factor, dx)


forward.cuda(launch_forward)
backward.cuda(launch_backward)


def without(ignored: int, target: Any, weight: Any, dtype: Any) -> tuple[Any, Any, Bound]:
    """Labels and weights in which rows labelled `ignored` have label and weight 0, and what computes them anew."""
    labels, factors = np.empty(target.size, target.dtype), np.empty(target.size, dtype)

    def refresh() -> None:
        np.not_equal(target.reshape(-1), ignored, out=factors, casting="unsafe")
        np.multiply(target.reshape(-1), factors, out=labels, casting="unsafe")
        if weight is not None:
            np.multiply(factors, weight, out=factors)

    return labels, factors, refresh


def forward_of_labels(
    x: Any, target: Any, weight: Any, class_weight: Any, losses: Any, y: Any, probability: Any
) -> None:
    x, probability, labels = rows(x), rows(probability), target.reshape(-1)
    np.subtract(x, x.max(1, keepdims=True), out=probability)
    chosen = probability[np.arange(len(labels)), labels]
    log_sums = exponentials(probability)
    np.subtract(log_sums, chosen, out=losses)
    put_mean(losses, row_weights(labels, weight, class_weight), y)


def backward_of_labels(
    dy: Any, probability: Any, target: Any, weight: Any, class_weight: Any, factor: Any, dx: Any
) -> None:
    dx, probability, labels = rows(dx), rows(probability), target.reshape(-1)
    dx[...] = probability
    dx[np.arange(len(labels)), labels] -= 1
    scale_rows(dx, dy, row_weights(labels, weight, class_weight), factor)


def forward_of_goals(
    x: Any,
    target: Any,
    weight: Any,
    class_weight: Any,
    smoothing: float,
    goal: Any,
    losses: Any,
    y: Any,
    probability: Any,
) -> None:
    x, probability, goal = rows(x), rows(probability), rows(goal)
    put_goal(target, class_weight, smoothing, goal)
    sums = goal.sum(1)
    np.subtract(x, x.max(1, keepdims=True), out=probability)
    np.multiply(goal, probability, out=goal)
    goal.sum(1, out=losses)
    np.subtract(exponentials(probability) * sums, losses, out=losses)
    put_mean(losses, weight, y)
    np.multiply(y, over_class_weights(target, weight, class_weight), out=y)


def backward_of_goals(
    dy: Any,
    probability: Any,
    target: Any,
    weight: Any,
    class_weight: Any,
    smoothing: float,
    goal: Any,
    factor: Any,
    dx: Any,
) -> None:
    dx, probability, goal = rows(dx), rows(probability), rows(goal)
    put_goal(target, class_weight, smoothing, goal)
    np.multiply(probability, goal.sum(1, keepdims=True), out=dx)
    np.subtract(dx, goal, out=dx)
    scale_rows(dx, dy * over_class_weights(target, weight, class_weight), weight, factor)


def put_goal(target: Any, class_weight: Any, smoothing: float, goal: Any) -> None:
    """goal = c ((1 - s) target + s / classes), with the one-hot rows of labels as target."""
    if target.dtype.kind == "f":
        np.multiply(rows(target), 1 - smoothing, out=goal)
    else:
        goal.fill(0)
        goal[np.arange(len(goal)), target.reshape(-1)] = 1 - smoothing
    np.add(goal, smoothing / goal.shape[1], out=goal)
    if class_weight is not None:
        np.multiply(goal, class_weight, out=goal)


def over_class_weights(target: Any, weight: Any, class_weight: Any) -> Any:
    """Σ w / Σ w c[label], by which a mean over rows becomes one over the weights of their labels; 1 without those."""
    if class_weight is None or target.dtype.kind == "f":
        return 1
    by_class = class_weight[target.reshape(-1)]
    if weight is None:
        return len(by_class) / total(by_class)
    return weight.sum() / total(by_class * weight)


def exponentials(shifted: Any) -> Any:
    """Turn logits, the largest of a row being 0, into softmax in place; returns log Σ exp per row, (rows,).

    It and the logits are kept apart, because their sum would lose the digits of a small loss beside large logits.
    """
    np.exp(shifted, out=shifted)
    sums = shifted.sum(1, keepdims=True)
    np.divide(shifted, sums, out=shifted)
    return np.log(sums[:, 0])


def scale_rows(dx: Any, dy: Any, weight: Any, factor: Any) -> None:
    """dx times the gradient of the (weighted) mean over rows."""
    if weight is None:
        np.multiply(dx, dy[()] / len(dx), out=dx)  # [()]: arithmetic of NumPy scalars is faster than that of 0-d arrays
    else:
        put_factor(weight, dy, len(dx), factor)
        np.multiply(dx, factor[:, None], out=dx)


def row_weights(labels: Any, weight: Any, class_weight: Any) -> Any:
    if class_weight is None:
        return weight
    by_class = class_weight[labels]
    return by_class if weight is None else by_class * weight
