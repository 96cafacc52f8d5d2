"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Unpack

from fusegrad.expr import Expr
from fusegrad.optimizers.base import Optimizer, Options
from fusegrad.schedules import Schedule


class SGD(Optimizer):
    """value -= lr · velocity, velocity = momentum · velocity + (1 - dampening) · gradient, undamped at first.

    With `nesterov`, value -= lr · (gradient + momentum · velocity), one step ahead.  Robbins and Monro, 1951; Polyak,
    1964; Sutskever et al., 2013.  Options: see `Optimizer`.
    """

    def __init__(
        self,
        lr: float | Schedule = 0.01,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(lr, **options)
        self.require(0 <= momentum < 1, "momentum", "of at least 0 and below 1", momentum)
        self.require(momentum > 0 or not nesterov, "momentum", "above 0 with nesterov", momentum)
        self.require(0 <= dampening < 1, "dampening", "of at least 0 and below 1", dampening)
        fits = dampening == 0 or (momentum > 0 and not nesterov)
        self.require(fits, "dampening", "0 without momentum or with nesterov", dampening)
        self.momentum, self.dampening, self.nesterov = momentum, dampening, nesterov
        self.slots = ("velocity",) if momentum else ()

    def scalars(self, count: int) -> dict[str, float]:
        undamped = {"undamped": 1.0 if count == 1 else 1 - self.dampening} if self.dampening else {}
        return super().scalars(count) | undamped

    def rule(
        self, value: Expr, grad: Expr, rate: Expr, velocity: Expr | None = None, undamped: Expr | float = 1.0
    ) -> tuple[Expr, ...]:
        if velocity is None:
            return (value - rate * grad,)
        velocity = self.momentum * velocity + grad * undamped
        direction = grad + self.momentum * velocity if self.nesterov else velocity
        return value - rate * direction, velocity
