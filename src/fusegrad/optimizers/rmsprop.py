"""RMSprop."""

from __future__ import annotations

from typing import Unpack

from fusegrad.expr import Expr, sqrt
from fusegrad.optimizers.base import Optimizer, Options
from fusegrad.schedules import Schedule


class RMSprop(Optimizer):
    """square = α square + (1-α) g², value -= lr · g / (sqrt(square) + eps).

    With `centered`, `square` is the running variance instead, of g about its mean (Graves, 2013, arXiv:1308.0850).
    With `momentum`, value -= lr · velocity, velocity = momentum · velocity + g / (sqrt(square) + eps).  Tieleman and
    Hinton, 2012.  Options: see `Optimizer`.
    """

    def __init__(
        self,
        lr: float | Schedule = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(lr, **options)
        self.require(0 <= alpha < 1, "alpha", "of at least 0 and below 1", alpha)
        self.require(eps > 0, "eps", "above 0", eps)
        self.require(0 <= momentum < 1, "momentum", "of at least 0 and below 1", momentum)
        self.alpha, self.eps, self.momentum, self.centered = alpha, eps, momentum, centered
        optional = {"mean": centered, "velocity": momentum > 0}
        self.slots = ("square", *(name for name, wanted in optional.items() if wanted))

    def rule(
        self,
        value: Expr,
        grad: Expr,
        square: Expr,
        rate: Expr,
        mean: Expr | None = None,
        velocity: Expr | None = None,
    ) -> tuple[Expr, ...]:
        statistics = self.statistics(grad, square, mean)
        step = grad / (sqrt(statistics[0]) + self.eps)
        if velocity is None:
            return value - step * rate, *statistics
        velocity = velocity * self.momentum + step
        return value - velocity * rate, *statistics, velocity

    def statistics(self, grad: Expr, square: Expr, mean: Expr | None) -> tuple[Expr, ...]:
        """The new square; with a mean, the new variance, not as E[g²] - E[g]², which cancels and may fall below 0."""
        share = 1 - self.alpha
        if mean is None:
            return (square * self.alpha + grad * grad * share,)
        off = grad - mean
        return (square + off * off * share) * self.alpha, mean + off * share
