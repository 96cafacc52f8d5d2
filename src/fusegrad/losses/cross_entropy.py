"""Cross-entropy of logits over classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.losses.checks import check_weight, first_row, no_distribution
from fusegrad.ops import cross_entropy


class CrossEntropy(Layer):
    """y = mean of -log softmax(x)[label], or of -Σ target log softmax(x) for soft targets; classes on the last axis.

    Args:
        class_weight: one factor per class.  With labels the mean is weighted by them (Σ c loss / Σ c), with soft
            targets they multiply the terms of the sum, as in PyTorch.

    Shapes: x (batch, …, classes) logits; target (batch, …) integer labels, or (batch, …, classes) distributions;
    weight of samples (batch,), optional, for x of two axes; y ().
    Raises GraphError where shapes or dtypes do not fit, and when a batch brings a label outside 0 .. classes-1.
    """

    def __init__(self, class_weight: Sequence[float] | None = None) -> None:
        self.class_weights = class_weight

    def plan(self, x: Spec, target: Spec, weight: Spec | None = None) -> Arrays:
        require(x.is_float and len(x.shape) > 1, self, "floating-point logits (batch, …, classes)", x)
        soft = target.is_float
        shape = x.shape if soft else x.shape[:-1]
        kind = "distributions" if soft else "integer labels"
        require(target.shape == shape, self, f"{kind} of shape {shape}", f"{target}{hint(x, target)}")
        require(weight is None or len(x.shape) == 2, self, "logits (batch, classes) beside sample weights", x)
        check_weight(self, x.shape[0], weight)
        classes = x.shape[-1]
        limits = {} if soft else {"target": classes}
        constants = {"class_weight": self.weights(classes, x.dtype)}
        return Arrays({"y": Spec((), x.dtype)}, saved={"probability": x}, indices=limits, constants=constants)

    def check_target(self, target: Any) -> str | None:
        """What is wrong with an array of soft targets: the first row that is no distribution."""
        is_soft = target.dtype.kind == "f" and target.ndim > 1
        row = first_row(target, no_distribution) if is_soft else None
        if row is None:
            return None
        return f"distributions (or integer labels), numbers of at least 0 that sum to 1, got {target[row]} in row {row}"

    def weights(self, classes: int, dtype: str) -> Any:
        if self.class_weights is None:
            return None
        require(len(self.class_weights) == classes, self, f"{classes} class weights", len(self.class_weights))
        return np.asarray(self.class_weights, dtype)

    forward, backward = cross_entropy.forward, cross_entropy.backward


def hint(x: Spec, target: Spec) -> str:
    """What to do about targets of a wrong shape."""
    if target.is_float and target.shape == x.shape[:-1]:
        return "; or integer labels: y.astype(int)"
    if not target.is_float and target.shape == x.shape:
        return "; one-hot targets must be floating point"
    return ""
