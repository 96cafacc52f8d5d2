"""Adagrad and Adadelta: rates that shrink with the squares of all gradients, or of the latest."""

from __future__ import annotations

from typing import Unpack

from fusegrad.expr import Expr, sqrt
from fusegrad.optimizers.base import Optimizer, Options
from fusegrad.schedules import Schedule


class Adagrad(Optimizer):
    """total += g², value -= lr / (1 + (count - 1) · lr_decay) · g / (sqrt(total) + eps).

    `total` begins at `initial_accumulator_value`.  Duchi, Hazan and Singer, 2011.  Options: see `Optimizer`.
    """

    slots = ("total",)

    def __init__(
        self,
        lr: float | Schedule = 0.01,
        *,
        lr_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(lr, **options)
        start = initial_accumulator_value
        self.require(lr_decay >= 0, "lr_decay", "at least 0", lr_decay)
        self.require(start >= 0, "initial_accumulator_value", "at least 0", start)
        self.require(eps > 0, "eps", "above 0", eps)
        self.lr_decay, self.start, self.eps = lr_decay, start, eps

    def scalars(self, count: int) -> dict[str, float]:
        return {"rate": self.lr(count - 1) / (1 + (count - 1) * self.lr_decay)}

    def rule(self, value: Expr, grad: Expr, total: Expr, rate: Expr) -> tuple[Expr, ...]:
        total = total + grad * grad
        return value - grad / (sqrt(total + self.start) + self.eps) * rate, total


class Adadelta(Optimizer):
    """square = ρ square + (1-ρ) g², Δ = sqrt(delta + eps) / sqrt(square + eps) · g, value -= lr · Δ.

    delta = ρ delta + (1-ρ) Δ² afterwards.  Zeiler, 2012, arXiv:1212.5701.  Options: see `Optimizer`.
    """

    slots = ("square", "delta")

    def __init__(
        self, lr: float | Schedule = 1.0, *, rho: float = 0.9, eps: float = 1e-6, **options: Unpack[Options]
    ) -> None:
        super().__init__(lr, **options)
        self.require(0 <= rho < 1, "rho", "of at least 0 and below 1", rho)
        self.require(eps > 0, "eps", "above 0", eps)
        self.rho, self.eps = rho, eps

    def rule(self, value: Expr, grad: Expr, square: Expr, delta: Expr, rate: Expr) -> tuple[Expr, ...]:
        square = square * self.rho + grad * grad * (1 - self.rho)
        change = sqrt((delta + self.eps) / (square + self.eps)) * grad
        return value - change * rate, square, delta * self.rho + change * change * (1 - self.rho)
