"""Cross-entropy of logits over classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fusegrad.backend.signature import accumulated
from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.graph.precision import MIXED
from fusegrad.losses.checks import check_weight, fault, no_distribution
from fusegrad.ops import cross_entropy


class CrossEntropy(Layer):
    """y = mean of -log softmax(x)[label], or of -Σ target log softmax(x) for soft targets; classes on the last axis.

    Args:
        class_weight: one factor per class.  With labels the mean is weighted by them (Σ c loss / Σ c), with soft
            targets they multiply the terms of the sum, as in PyTorch.  0 leaves out rows of that label, if unsmoothed.
        label_smoothing: s in 0 .. 1 replaces targets, the one-hot ones of labels too, by (1 - s) target + s / classes,
            whose terms class weights then multiply; with labels the mean is still over Σ c (Szegedy et al., 2016).
        ignore_index: a label outside 0 .. classes-1 whose rows do not count; the loss of a batch of none else is 0.

    Shapes: x (batch, …, classes) logits; target (batch, …) integer labels, or (batch, …, classes) distributions;
    weight of samples (batch,), optional, for x of two axes; y (), float32 for x of half precision.
    Raises GraphError where shapes, dtypes or options do not fit, and when a batch brings a label that is not in
    0 .. classes-1.
    """

    computes_in = MIXED

    def __init__(
        self,
        class_weight: Sequence[float] | None = None,
        *,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
    ) -> None:
        fits = class_weight is None or (np.ndim(class_weight) == 1 and np.min(class_weight) >= 0)
        require(fits, self, "class_weight to be one number of at least 0 per class", class_weight)
        require(0 <= label_smoothing <= 1, self, "label_smoothing in 0 .. 1", label_smoothing)
        whole = ignore_index is None or isinstance(ignore_index, int)
        require(whole, self, "ignore_index to be a whole number", ignore_index)
        self.class_weights, self.smoothing, self.ignored = class_weight, float(label_smoothing), ignore_index

    def plan(self, x: Spec, target: Spec, weight: Spec | None = None) -> Arrays:
        require(x.is_float and len(x.shape) > 1, self, "floating-point logits (batch, …, classes)", x)
        soft, classes = target.is_float, x.shape[-1]
        shape = x.shape if soft else x.shape[:-1]
        kind = "distributions" if soft else "integer labels"
        fits = target.shape == shape and target.dtype != "bool"
        require(fits, self, f"{kind} of shape {shape}", f"{target}{hint(x, target)}")
        require(weight is None or len(x.shape) == 2, self, "logits (batch, classes) beside sample weights", x)
        check_weight(self, x.shape[0], weight)
        dtype = accumulated(x.dtype)
        each = Spec((x.size // classes,), dtype)
        return Arrays(
            {"y": Spec((), dtype)},
            saved={"peaks": each, "sums": each},
            constants={"class_weight": self.weights(classes, dtype), "smoothing": self.smoothing}
            | {"ignored": None if soft else self.ignored},
            indices={} if soft else {"target": classes},
            exempt={} if soft or self.ignored is None else {"target": self.ignored},
        )

    def check_target(self, target: Any) -> str | None:
        """What is wrong with an array of soft targets: the first row that is no distribution."""
        if target.ndim < 2:  # whose shape `plan` refuses with more to say
            return None
        return fault(target, no_distribution, "distributions (or integer labels), numbers of at least 0 that sum to 1")

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
