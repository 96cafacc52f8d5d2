"""Softmax and cross-entropy in one op, with classes on the last axis.

Shapes: x, dx, probability (…, classes); target (…) integers in 0 .. classes-1, or (…, classes), a distribution per
row; weight (rows,) or None; class_weight (classes,) or None, below c; y, dy ().
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op
from fusegrad.ops.shape import rows
from fusegrad.ops.weighting import scale_gradient, weighted_mean


@op
def forward(x: Any, target: Any, weight: Any, class_weight: Any, y: Any, probability: Any) -> None:
    """y = the (weighted) mean of -log p[label], or of -Σ c target log p for distributions, with p = softmax(x).

    With labels, c[label] is part of the weight of a row: Σ w c (-log p) / Σ w c.
    """
    x, probability = rows(x), rows(probability)
    peak, log_sums = softmax(x, probability)
    if target.dtype.kind == "f":
        losses = log_sums - (x - peak)
        np.multiply(losses, goals(target, class_weight), out=losses)
        y[...] = weighted_mean(losses.sum(1), weight)
    else:
        labels = target.reshape(-1)
        chosen = x[np.arange(len(labels)), labels]
        y[...] = weighted_mean(log_sums[:, 0] - (chosen - peak[:, 0]), row_weights(labels, weight, class_weight))


@op
def backward(dy: Any, probability: Any, target: Any, weight: Any, class_weight: Any, dx: Any) -> None:
    """dx = (p - onehot(label)) dy w c / Σ w c, or (p Σ c target - c target) dy w / Σ w for distributions."""
    dx, probability = rows(dx), rows(probability)
    if target.dtype.kind == "f":
        goal = goals(target, class_weight)
        np.multiply(probability, goal.sum(1, keepdims=True), out=dx)
        np.subtract(dx, goal, out=dx)
    else:
        labels = target.reshape(-1)
        dx[...] = probability
        dx[np.arange(len(labels)), labels] -= 1
        weight = row_weights(labels, weight, class_weight)
    scale_gradient(dx, dy, weight, len(dx))


def goals(target: Any, class_weight: Any) -> Any:
    """The distributions, one per row, times the factors of the classes."""
    return rows(target) if class_weight is None else rows(target) * class_weight


def softmax(x: Any, probability: Any) -> tuple[Any, Any]:
    """Write softmax(x) into `probability`; returns the peak and log Σ exp(x - peak) per row, each (rows, 1).

    They are kept apart, because their sum would lose the digits of a small loss beside large logits.
    """
    peak = x.max(1, keepdims=True)
    np.subtract(x, peak, out=probability)
    np.exp(probability, out=probability)
    sums = probability.sum(1, keepdims=True)
    np.divide(probability, sums, out=probability)
    return peak, np.log(sums)


def row_weights(labels: Any, weight: Any, class_weight: Any) -> Any:
    if class_weight is None:
        return weight
    by_class = class_weight[labels]
    return by_class if weight is None else by_class * weight
