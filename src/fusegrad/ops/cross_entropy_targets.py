"""What rows of logits are to become under cross-entropy, as the reference has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fusegrad.ops.op import Bound
from fusegrad.ops.shape import rows
from fusegrad.ops.weighting import put_factor, put_mean, total


@dataclass(frozen=True)
class Targets:
    """Labels (rows,) or distributions (rows, classes), weights of rows and of classes or None, and the smoothing s.

    `left_out` (rows,) says which rows do not count, None where all do.
    """

    target: Any
    weight: Any
    class_weight: Any
    smoothing: float
    left_out: Any = None

    @property
    def are_distributions(self) -> bool:
        return bool(self.target.dtype.kind == "f")

    @property
    def have_goals(self) -> bool:
        """Whether more than the label of a row counts."""
        return self.are_distributions or self.smoothing > 0

    @property
    def by_row(self) -> Any:
        """The target with an axis for rows and another, so that it can be cut into blocks."""
        return self.target if self.are_distributions else self.target[:, None]

    def put_goals(self, target: Any, goal: Any) -> None:
        """goal = c ((1 - s) target + s / classes) for some rows of `by_row`, with the one-hot rows of labels."""
        if self.are_distributions:
            np.multiply(target, 1 - self.smoothing, out=goal)
        else:
            goal.fill(0)
            goal[np.arange(len(goal)), target[:, 0]] = 1 - self.smoothing
        np.add(goal, self.smoothing / goal.shape[1], out=goal)
        if self.class_weight is not None:
            np.multiply(goal, self.class_weight, out=goal)

    def put_mean(self, losses: Any, y: Any) -> None:
        """y = Σ w c loss / Σ w c for labels; for goals, which have c already, Σ w loss / Σ w c."""
        if self.left_out is not None:  # their losses may be infinite, which no weight of 0 undoes
            np.copyto(losses, 0, where=self.left_out)
        if self.have_goals:
            put_mean(losses, self.weight, y)
            np.multiply(y, self.over_class_weights(), out=y)
        else:
            put_mean(losses, self.row_weights(), y)

    def put_factors(self, dy: Any, factor: Any) -> None:
        """factor (rows,) = dy times the gradient of that mean by the loss of each row, or by what goals make of it."""
        weight = self.weight if self.have_goals else self.row_weights()
        slope = dy[()] * self.over_class_weights() if self.have_goals else dy[()]
        if weight is None:
            factor.fill(slope / len(factor))
        else:
            put_factor(weight, slope, len(factor), factor)

    def row_weights(self) -> Any:
        """w c[label], or None where all are 1."""
        if self.class_weight is None:
            return self.weight
        by_class = self.class_weight[self.target]
        return by_class if self.weight is None else by_class * self.weight

    def over_class_weights(self) -> Any:
        """Σ w / Σ w c[label], by which a mean over rows becomes one over the weights of labels; 1 without those."""
        if self.class_weight is None or self.are_distributions:
            return 1
        by_class = self.class_weight[self.target]
        if self.weight is None:
            return len(by_class) / total(by_class)
        return self.weight.sum() / total(by_class * self.weight)


def targets_of(
    target: Any, weight: Any, class_weight: Any, smoothing: float, ignored: int | None, dtype: Any
) -> tuple[Targets, list[Bound]]:
    """The targets, and what has to be called before they are read anew."""
    target = rows(target) if target.dtype.kind == "f" else target.reshape(-1)
    if ignored is None:
        return Targets(target, weight, class_weight, smoothing), []
    left_out, labels, factors, refresh = without(ignored, target, weight, dtype)
    return Targets(labels, factors, class_weight, smoothing, left_out), [refresh]


def without(ignored: int, target: Any, weight: Any, dtype: Any) -> tuple[Any, Any, Any, Bound]:
    """Which rows are labelled `ignored`, labels and weights in which these are 0 there, and what computes all anew."""
    left_out, labels, factors = (np.empty(target.size, kind) for kind in (bool, target.dtype, dtype))

    def refresh() -> None:
        np.equal(target, ignored, out=left_out)
        for array, number in ((labels, target), (factors, 1 if weight is None else weight)):
            np.copyto(array, number)
            np.copyto(array, 0, where=left_out)

    return left_out, labels, factors, refresh
