"""What Adam and its relatives share: running means of the gradient and of its square."""

from __future__ import annotations

from math import sqrt
from typing import Unpack

from fusegrad.expr import Expr
from fusegrad.optimizers.base import Optimizer, Options
from fusegrad.schedules import Schedule


class Moments(Optimizer):
    """m = β₁ m + (1-β₁) g and v = β₂ v + (1-β₂) g², which begin at 0.

    They are corrected for that: m̂ = m / correction1 and sqrt(v̂) = sqrt(v) / correction2.
    """

    slots: tuple[str, ...] = ("m", "v")

    def __init__(
        self, lr: float | Schedule, *, betas: tuple[float, float], eps: float, **options: Unpack[Options]
    ) -> None:
        super().__init__(lr, **options)
        self.require_betas(betas)
        self.require(eps > 0, "eps", "above 0", eps)
        self.betas, self.eps = betas, eps

    def scalars(self, count: int) -> dict[str, float]:
        beta1, beta2 = self.betas
        corrections = {"correction1": 1 - beta1**count, "correction2": sqrt(1 - beta2**count)}
        return super().scalars(count) | corrections

    def first(self, grad: Expr, m: Expr) -> Expr:
        return m * self.betas[0] + grad * (1 - self.betas[0])

    def second(self, grad: Expr, v: Expr) -> Expr:
        return v * self.betas[1] + grad * grad * (1 - self.betas[1])
