"""Adam, AMSGrad and AdamW."""

from __future__ import annotations

from typing import Unpack

from fusegrad.expr import Expr, maximum, sqrt
from fusegrad.optimizers.base import Limits, Options
from fusegrad.optimizers.moments import Moments
from fusegrad.schedules import Schedule


class Adam(Moments):
    """m = β₁ m + (1-β₁) g, v = β₂ v + (1-β₂) g², value -= lr · m̂ / (sqrt(v̂) + eps), with bias-corrected m̂ and v̂.

    Kingma and Ba, 2015, arXiv:1412.6980.  With `amsgrad`, the largest v so far takes the place of v: see `AMSGrad`.
    Decay is added to the gradient: see `AdamW`.  Options: see `Optimizer`.
    """

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(lr, betas=betas, eps=eps, **options)
        self.slots = ("m", "v", "largest") if amsgrad else ("m", "v")

    def rule(
        self,
        value: Expr,
        grad: Expr,
        m: Expr,
        v: Expr,
        rate: Expr,
        correction1: Expr,
        correction2: Expr,
        largest: Expr | None = None,
    ) -> tuple[Expr, ...]:
        m, v = self.first(grad, m), self.second(grad, v)
        seen = (v,) if largest is None else (v, maximum(largest, v))
        # m̂ / (sqrt(v̂) + eps) with both corrections moved out of the loop
        step = m / (sqrt(seen[-1]) + correction2 * self.eps) * (rate * correction2 / correction1)
        return value - step, m, *seen


class AMSGrad(Adam):
    """`Adam(amsgrad=True)`: value -= lr · m̂ / (sqrt(v̂) + eps), where v̂ comes of the largest v so far.

    Rates thus never grow again.  Reddi, Kale and Kumar, 2018, arXiv:1904.09237.  Options: see `Optimizer`.
    """

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(lr, betas=betas, eps=eps, amsgrad=True, **options)


class AdamW(Adam):
    """Adam whose decay shrinks the value by lr · weight_decay and leaves the gradient alone.

    Loshchilov and Hutter, 2019, arXiv:1711.05101.  Options: see `Optimizer`.
    """

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        **options: Unpack[Limits],
    ) -> None:
        super().__init__(
            lr, betas=betas, eps=eps, amsgrad=amsgrad, weight_decay=weight_decay, decoupled=True, **options
        )
