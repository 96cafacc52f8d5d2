"""Lion."""

from __future__ import annotations

from typing import Unpack

from fusegrad.expr import Expr, sign
from fusegrad.optimizers.base import Limits, Optimizer
from fusegrad.schedules import Schedule


class Lion(Optimizer):
    """value -= lr · sign(β₁ m + (1-β₁) g), then m = β₂ m + (1-β₂) g; decay shrinks the value by lr · weight_decay.

    Every element moves by lr, which is best 3 to 10 times smaller than for Adam, and weight_decay as much larger.
    Chen et al., 2023, arXiv:2302.06675.  Options: see `Optimizer`.
    """

    slots = ("m",)

    def __init__(
        self,
        lr: float | Schedule = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        **options: Unpack[Limits],
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay, decoupled=True, **options)
        self.require_betas(betas)
        self.betas = betas

    def rule(self, value: Expr, grad: Expr, m: Expr, rate: Expr) -> tuple[Expr, ...]:
        beta1, beta2 = self.betas
        step = sign(m * beta1 + grad * (1 - beta1))
        return value - step * rate, m * beta2 + grad * (1 - beta2)
