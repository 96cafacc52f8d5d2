"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Unpack

from fusegrad.expr import Expr, sqrt
from fusegrad.optimizers.base import Options
from fusegrad.optimizers.moments import Moments
from fusegrad.schedules import Schedule

NEGLIGIBLE = 1e-17  # 1 - product is 1 in float64


class NAdam(Moments):
    """value -= lr · (μ' m / (1 - Πμ · μ') + (1-μ) g / (1 - Πμ)) / (sqrt(v̂) + eps), m and v as of Adam.

    μ = β₁ (1 - 0.96^(count · momentum_decay) / 2), μ' is that of the next update, and Πμ the product of all so far.
    Dozat, 2016.  Options: see `Optimizer`.
    """

    def __init__(
        self,
        lr: float | Schedule = 2e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(lr, betas=betas, eps=eps, **options)
        self.require(momentum_decay >= 0, "momentum_decay", "at least 0", momentum_decay)
        self.momentum_decay = momentum_decay
        self.known_product = 0, 1.0

    def scalars(self, count: int) -> dict[str, float]:
        now, product = self.momentum(count), self.momentum_product(count)
        ahead = self.momentum(count + 1)
        shares = {"share_of_m": ahead / (1 - product * ahead), "share_of_grad": (1 - now) / (1 - product)}
        return super().scalars(count) | shares

    def momentum(self, count: int) -> float:
        return self.betas[0] * (1 - 0.5 * float(0.96 ** (count * self.momentum_decay)))

    def momentum_product(self, count: int) -> float:
        """μ₁ μ₂ … up to μ_count, multiplied in this order, from what is known on: its bits never depend on the past."""
        done, product = self.known_product if self.known_product[0] <= count else (0, 1.0)
        while done < count and product > NEGLIGIBLE:
            done += 1
            product *= self.momentum(done)
        self.known_product = done, product
        return product

    def rule(
        self,
        value: Expr,
        grad: Expr,
        m: Expr,
        v: Expr,
        rate: Expr,
        correction2: Expr,
        share_of_m: Expr,
        share_of_grad: Expr,
    ) -> tuple[Expr, ...]:
        m, v = self.first(grad, m), self.second(grad, v)
        factor = rate * correction2
        ahead = m * (share_of_m * factor) + grad * (share_of_grad * factor)
        return value - ahead / (sqrt(v) + correction2 * self.eps), m, v
