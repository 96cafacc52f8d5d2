"""Losses of margins: nothing is paid for a prediction that is far enough on the side of its label, -1 or 1."""

from __future__ import annotations

from typing import Any

from fusegrad.expr import Expr, maximum
from fusegrad.expr.trace import traced
from fusegrad.losses.checks import fault, no_sign
from fusegrad.losses.mean import MeanLoss


def _missing(x: Expr, target: Expr) -> Expr:
    return maximum(1 - target * x, 0)


def _squared_hinge_slopes(x: Expr, target: Expr) -> tuple[Expr, Expr]:
    doubled = -2 * _missing(x, target)
    return doubled * target, doubled * x


hinge = traced(_missing, name="hinge")
squared_hinge = traced(
    lambda x, target: _missing(x, target) * _missing(x, target), name="squared_hinge", derivative=_squared_hinge_slopes
)


class Hinge(MeanLoss):
    """y = mean of max(0, 1 - target x), whose derivative is 0 where target x = 1.

    Shapes: x, target (batch, …) of equal shape, target floating point, -1 or 1; weight (batch,), optional; y ().
    Raises GraphError where shapes differ.
    """

    def __init__(self) -> None:
        super().__init__(hinge)

    def check_target(self, target: Any) -> str | None:
        """What is wrong with an array of targets: the first row with another number than -1 and 1."""
        return fault(target, no_sign, "labels of -1 or 1 (labels of 0 and 1 become 2 y - 1)")


class SquaredHinge(MeanLoss):
    """y = mean of max(0, 1 - target x)²; shapes, targets and errors as in `Hinge`."""

    def __init__(self) -> None:
        super().__init__(squared_hinge)

    check_target = Hinge.check_target
