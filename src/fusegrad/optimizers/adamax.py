"""Adamax."""

from __future__ import annotations

from typing import Unpack

from fusegrad.expr import Expr, maximum
from fusegrad.expr import abs as absolute
from fusegrad.optimizers.base import Options
from fusegrad.optimizers.moments import Moments
from fusegrad.schedules import Schedule


class Adamax(Moments):
    """m = β₁ m + (1-β₁) g, u = max(β₂ u, |g| + eps), value -= lr · m̂ / u, with bias-corrected m̂.

    Kingma and Ba, 2015, arXiv:1412.6980, section 7.1; eps is PyTorch's.  Options: see `Optimizer`.
    """

    slots = ("m", "u")

    def __init__(
        self,
        lr: float | Schedule = 2e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(lr, betas=betas, eps=eps, **options)

    def rule(self, value: Expr, grad: Expr, m: Expr, u: Expr, rate: Expr, correction1: Expr) -> tuple[Expr, ...]:
        m = self.first(grad, m)
        u = maximum(u * self.betas[1], absolute(grad) + self.eps)
        return value - m / u * (rate / correction1), m, u
