"""Binary cross-entropy of logits."""

from __future__ import annotations

from typing import Any

from fusegrad.graph import Arrays, Layer, Spec
from fusegrad.losses.checks import check_pair, first_row, outside
from fusegrad.ops import bce


class BCEWithLogits(Layer):
    """y = mean of -(t log p + (1 - t) log(1 - p)) with p = sigmoid(x), from the logits x, so that nothing overflows.

    Shapes: x, target (batch, …) of equal shape, target floating point in [0, 1]; weight (batch,), optional; y ().
    Raises GraphError where shapes differ.
    """

    def plan(self, x: Spec, target: Spec, weight: Spec | None = None) -> Arrays:
        return check_pair(self, x, target, weight)

    def check_target(self, target: Any) -> str | None:
        """What is wrong with an array of targets: the first row with a number outside [0, 1]."""
        row = first_row(target, outside) if target.dtype.kind == "f" else None
        if row is None:
            return None
        return f"numbers in [0, 1] (labels of -1 and 1 become (y + 1) / 2), got {target[row]} in row {row}"

    forward, backward = bce.forward, bce.backward
