"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from fusegrad.ops import adam
from fusegrad.optimizers.base import Optimizer
from fusegrad.schedules import Schedule


class Adam(Optimizer):
    """m = β₁ m + (1-β₁) g, v = β₂ v + (1-β₂) g², value -= lr · m̂ / (sqrt(v̂) + eps), with bias-corrected m̂ and v̂.

    Kingma and Ba, 2015, arXiv:1412.6980.  Decay is added to the gradient; see `AdamW`.
    """

    slots = ("m", "v")
    decoupled = False

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay, clip_norm=clip_norm)
        self.require(all(0 <= beta < 1 for beta in betas), "betas", "in 0 .. 1", betas)
        self.require(eps > 0, "eps", "above 0", eps)
        self.betas, self.eps = betas, eps

    def scalars(self, count: int) -> dict[str, float]:
        beta1, beta2 = self.betas
        return {"rate": self.lr(count - 1), "correction1": 1 - beta1**count, "correction2": 1 - beta2**count}

    def update(
        self,
        value: Any,
        grad: Any,
        m: Any,
        v: Any,
        rate: Any,
        scale: Any,
        correction1: Any,
        correction2: Any,
        weight_decay: float,
    ) -> None:
        options = {"beta1": self.betas[0], "beta2": self.betas[1], "eps": self.eps, "decoupled": self.decoupled}
        adam.update(value, grad, m, v, rate, scale, correction1, correction2, weight_decay=weight_decay, **options)


class AdamW(Adam):
    """Adam whose decay shrinks the value by lr · weight_decay and leaves the gradient alone.

    Loshchilov and Hutter, 2019, arXiv:1711.05101.
    """

    decoupled = True

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, betas=betas, eps=eps, weight_decay=weight_decay, clip_norm=clip_norm)
