"""Mean squared error."""

from __future__ import annotations

from fusegrad.graph import Arrays, Layer, Spec
from fusegrad.losses.checks import check_pair
from fusegrad.ops import mse


class MSE(Layer):
    """y = mean of (x - target)² over all elements; with weights, Σ wᵢ meanᵢ / Σ wᵢ over samples.

    Shapes: x, target (batch, …) of equal shape; weight (batch,), optional; y ().
    Raises GraphError where shapes differ: targets of shape (n,) beside predictions (n, 1) are an error, not broadcast.
    """

    def plan(self, x: Spec, target: Spec, weight: Spec | None = None) -> Arrays:
        return check_pair(self, x, target, weight)

    forward, backward = mse.forward, mse.backward
