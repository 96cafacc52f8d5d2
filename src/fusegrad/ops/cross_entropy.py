"""Softmax and cross-entropy in one op, with classes on the last axis.

Shapes: x, dx, probability (rows, classes); labels (rows,) integers in 0 .. classes-1, or target (rows, classes), a
distribution per row; weight (rows,) or None; class_weight (classes,) or None; y, dy ().
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op
from fusegrad.ops.weighting import scale_gradient, weighted_mean


@op
def forward(x: Any, labels: Any, weight: Any, class_weight: Any, y: Any, probability: Any) -> None:
    """y = Σ wᵢ c[labelᵢ] (-log pᵢ[labelᵢ]) / Σ wᵢ c[labelᵢ], with p = softmax(x)."""
    peak, log_sums = softmax(x, probability)
    chosen = x[np.arange(len(labels)), labels]
    y[...] = weighted_mean(log_sums[:, 0] - (chosen - peak[:, 0]), row_weights(labels, weight, class_weight))


@op
def backward(dy: Any, probability: Any, labels: Any, weight: Any, class_weight: Any, dx: Any) -> None:
    """dx = (p - onehot(label)) dy w / Σ w."""
    dx[...] = probability
    rows = np.arange(len(labels))
    dx[rows, labels] -= 1
    scale_gradient(dx, dy, row_weights(labels, weight, class_weight), len(labels))


@op
def forward_soft(x: Any, target: Any, weight: Any, class_weight: Any, y: Any, probability: Any) -> None:
    """y = the (weighted) mean over rows of -Σ c target log p, with p = softmax(x)."""
    peak, log_sums = softmax(x, probability)
    losses = log_sums - (x - peak)
    np.multiply(losses, target, out=losses)
    if class_weight is not None:
        np.multiply(losses, class_weight, out=losses)
    y[...] = weighted_mean(losses.sum(1), weight)


@op
def backward_soft(dy: Any, probability: Any, target: Any, weight: Any, class_weight: Any, dx: Any) -> None:
    """dx = (p Σ c target - c target) dy w / Σ w."""
    goal = target if class_weight is None else target * class_weight
    np.multiply(probability, goal.sum(1, keepdims=True), out=dx)
    np.subtract(dx, goal, out=dx)
    scale_gradient(dx, dy, weight, len(target))


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
