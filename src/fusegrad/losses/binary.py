"""Losses of yes-or-no questions, from logits, so that nothing overflows and a confident answer keeps its digits."""

from __future__ import annotations

from typing import Any

from fusegrad.expr import Expr, Function, exp, log1p, maximum, sigmoid, softplus
from fusegrad.expr.trace import traced
from fusegrad.graph import require
from fusegrad.losses.checks import fault, outside
from fusegrad.losses.mean import MeanLoss

LEAST = 1e-37  # almost the smallest float32 with all its digits

binary_cross_entropy = traced(
    lambda x, target: maximum(x, 0) - x * target + log1p(exp(-abs(x))),
    name="binary_cross_entropy",
    derivative=lambda x, target: (sigmoid(x) - target, -x),
)


def positives_weighted(weight: float) -> Function:
    """(1 - t) softplus(x) + weight t softplus(-x): sums of what is never negative, and so without cancellation."""

    def value(x: Expr, target: Expr) -> Expr:
        yes, no = weight * target, 1 - target
        return no * maximum(x, 0) + yes * maximum(-x, 0) + (no + yes) * log1p(exp(-abs(x)))

    def slopes(x: Expr, target: Expr) -> tuple[Expr, Expr]:
        return (1 - target) * sigmoid(x) - weight * target * sigmoid(-x), weight * softplus(-x) - softplus(x)

    return traced(value, name=f"binary_cross_entropy({weight})", derivative=slopes)


def smoothed(loss: Function, smoothing: float) -> Function:
    """The loss for targets that are moved towards 1/2."""
    if not smoothing:
        return loss
    return traced(
        lambda x, target: loss(x, target * (1 - smoothing) + smoothing / 2), name=f"{loss}_smoothed({smoothing})"
    )


def focal(gamma: float, alpha: float | None) -> Function:
    """balance wrongᵞ cross_entropy, with `wrong` the probability given to the other answer than the target's."""
    offset, slope = (1.0, 0.0) if alpha is None else (1 - alpha, 2 * alpha - 1)

    def parts(x: Expr, target: Expr) -> tuple[Expr, Expr, Expr]:
        wrong = target * sigmoid(-x) + (1 - target) * sigmoid(x)
        return offset + slope * target, wrong, binary_cross_entropy(x, target)

    def value(x: Expr, target: Expr) -> Expr:
        balance, wrong, entropy = parts(x, target)
        return balance * wrong**gamma * entropy

    def slopes(x: Expr, target: Expr) -> tuple[Expr, Expr]:
        """The chain rule's, without a quotient of vanishing numbers; by x, for labels, a sum of terms of one sign."""
        balance, wrong, entropy = parts(x, target)
        yes, no = sigmoid(x), sigmoid(-x)
        power = (wrong if gamma >= 1 else maximum(wrong, LEAST)) ** (gamma - 1)
        entropy_by_x = (1 - target) * yes - target * no
        by_x = gamma * ((1 - 2 * target) * (yes * no)) * entropy + wrong * entropy_by_x
        by_target = gamma * (no - yes) * entropy - wrong * x
        return balance * power * by_x, power * (balance * by_target + slope * wrong * entropy)

    return traced(value, name=f"focal({gamma}, {alpha})", derivative=slopes if gamma else None)


class BCEWithLogits(MeanLoss):
    """y = mean of -(t log p + (1 - t) log(1 - p)) with p = sigmoid(x), from the logits x.

    Args:
        pos_weight: a factor of the term t log p: how much more a missed positive costs than a missed negative.
        label_smoothing: s in 0 .. 1 replaces the target t by (1 - s) t + s/2.

    Shapes: x, target (batch, …) of equal shape, target floating point in [0, 1]; weight (batch,), optional; y ().
    Raises GraphError where shapes differ, and for options out of range.
    """

    def __init__(self, *, pos_weight: float | None = None, label_smoothing: float = 0.0) -> None:
        require(pos_weight is None or pos_weight >= 0, self, "pos_weight of at least 0", pos_weight)
        require(0 <= label_smoothing <= 1, self, "label_smoothing in 0 .. 1", label_smoothing)
        loss = binary_cross_entropy if pos_weight is None else positives_weighted(pos_weight)
        super().__init__(smoothed(loss, label_smoothing))

    def check_target(self, target: Any) -> str | None:
        """What is wrong with an array of targets: the first row with a number outside [0, 1]."""
        return fault(target, outside, "numbers in [0, 1] (labels of -1 and 1 become (y + 1) / 2)")


class Focal(MeanLoss):
    """y = mean of -αₜ (1 - pₜ)ᵞ log pₜ with pₜ = p for target 1 and 1 - p for target 0, p = sigmoid(x).

    Targets in between mix both: pₜ = t p + (1 - t)(1 - p), αₜ likewise, and log pₜ becomes minus the cross-entropy.
    Lin et al., 2017, arXiv:1708.02002.

    Args:
        gamma: how much less is paid for what is already right; 0 leaves the cross-entropy.
        alpha: the weight of positives, 1 - alpha being that of negatives; None weighs both by 1.

    Shapes, targets and errors as in `BCEWithLogits`.
    """

    def __init__(self, *, gamma: float = 2.0, alpha: float | None = 0.25) -> None:
        require(gamma >= 0, self, "gamma of at least 0", gamma)
        require(alpha is None or 0 <= alpha <= 1, self, "alpha in 0 .. 1", alpha)
        super().__init__(focal(gamma, alpha))

    check_target = BCEWithLogits.check_target
