"""Binary cross-entropy of logits."""

from __future__ import annotations

from typing import Any

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

    def forward(self, x: Any, target: Any, weight: Any, y: Any) -> None:
        bce.forward(x, target, weight, y)

    def backward(self, x: Any, target: Any, weight: Any, dy: Any, dx: Any) -> None:
        bce.backward(dy, x, target, weight, dx)
