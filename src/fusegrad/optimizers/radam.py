"""RAdam: Adam that waits until its second moment can be trusted."""

from __future__ import annotations

from math import sqrt
from typing import Unpack

from fusegrad.expr import Expr
from fusegrad.expr import sqrt as root
from fusegrad.optimizers.base import Options
from fusegrad.optimizers.moments import Moments
from fusegrad.schedules import Schedule


class RAdam(Moments):
    """value -= lr · r · m̂ · correction2 / (sqrt(v) + eps) once ρ > 5, value -= lr · m̂ before, m and v as of Adam.

    ρ = ρ∞ - 2 count β₂^count / (1 - β₂^count), ρ∞ = 2 / (1-β₂) - 1, and
    r = sqrt((ρ-4) (ρ-2) ρ∞ / ((ρ∞-4) (ρ∞-2) ρ)).  Liu et al., 2020, arXiv:1908.03265.  Options: see `Optimizer`.
    """

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(lr, betas=betas, eps=eps, **options)

    def scalars(self, count: int) -> dict[str, float]:
        """Of `adaptive` and `plain`, by which m is multiplied, one is 0."""
        scalars = super().scalars(count)
        rectification = self.rectification(count)
        adaptive = rectification * scalars["correction2"] / scalars["correction1"]
        return scalars | {"adaptive": adaptive, "plain": 0.0 if rectification else 1 / scalars["correction1"]}

    def rectification(self, count: int) -> float:
        """r, or 0 where ρ is 5 or less."""
        beta2 = self.betas[1]
        limit = 2 / (1 - beta2) - 1
        rho = limit - 2 * count * beta2**count / (1 - beta2**count)
        return sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)) if rho > 5 else 0.0

    def rule(
        self, value: Expr, grad: Expr, m: Expr, v: Expr, rate: Expr, adaptive: Expr, plain: Expr
    ) -> tuple[Expr, ...]:
        m, v = self.first(grad, m), self.second(grad, v)
        factor = rate * adaptive / (root(v) + self.eps) + rate * plain
        return value - m * factor, m, v
