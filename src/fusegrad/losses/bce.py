"""Binary cross-entropy of logits."""

from __future__ import annotations

from fusegrad.graph import Arrays, Layer, Spec
from fusegrad.losses.checks import check_pair
from fusegrad.ops import bce


class BCEWithLogits(Layer):
    """y = mean of -(t log p + (1 - t) log(1 - p)) with p = sigmoid(x), from the logits x, so that nothing overflows.

    Shapes: x, target (batch, …) of equal shape, target floating point in [0, 1]; weight (batch,), optional; y ().
    Raises GraphError where shapes differ.
    """

    def plan(self, x: Spec, target: Spec, weight: Spec | None = None) -> Arrays:
        return check_pair(self, x, target, weight)

    forward, backward = bce.forward, bce.backward
