"""Losses that are the mean of a scalar function of prediction and target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fusegrad.expr import Function, function
from fusegrad.graph import Arrays, Layer, Spec, require
from fusegrad.graph.precision import FULL
from fusegrad.losses.checks import check_pair
from fusegrad.ops import mean_loss


class MeanLoss(Layer):
    """y = mean of f(x, target) over all elements; with weights, Σ wᵢ meanᵢ / Σ wᵢ over samples.

    Args:
        formula: f, a scalar function of prediction and target, of arithmetic and the functions of `fusegrad.expr`:
            `MeanLoss(lambda x, t: abs(x - t))`.

    Shapes: x, target (batch, …) of equal shape; weight (batch,), optional; y ().
    Raises GraphError where shapes differ: targets of shape (n,) beside predictions (n, 1) are an error, not broadcast.
    Raises ExpressionError where the formula cannot be traced.
    """

    computes_in = FULL

    def __init__(self, formula: Function | Callable[[Any, Any], Any]) -> None:
        self.function = function(formula)
        arguments, results = self.function.arguments, len(self.function.outputs)
        fits = len(arguments) == 2 and not self.function.scalars
        require(fits, self, "a function of two arguments", arguments + self.function.scalars)
        require(results == 1, self, "a function with one result", results)
        self.forward, self.backward = mean_loss.forward(self.function), mean_loss.backward(self.function)

    def plan(self, x: Spec, target: Spec, weight: Spec | None = None) -> Arrays:
        y = check_pair(self, x, target, weight)
        return Arrays({"y": y}, saved={"losses": x, "factor": Spec(x.shape[:1], x.dtype)})

    def __repr__(self) -> str:
        return f"MeanLoss({self.function})" if type(self) is MeanLoss else type(self).__name__
