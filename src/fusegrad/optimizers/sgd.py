"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from fusegrad.ops import sgd
from fusegrad.optimizers.base import Optimizer
from fusegrad.schedules import Schedule


class SGD(Optimizer):
    """value -= lr · velocity, velocity = momentum · velocity + gradient; with `nesterov`, one step ahead.

    Robbins and Monro, 1951; Polyak, 1964; Sutskever et al., 2013, for Nesterov's form.  Decay is added to gradients.
    """

    def __init__(
        self,
        lr: float | Schedule = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay, clip_norm=clip_norm)
        self.require(0 <= momentum < 1, "momentum", "in 0 .. 1", momentum)
        self.require(momentum > 0 or not nesterov, "momentum", "above 0 with nesterov", momentum)
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("velocity",) if momentum else ()
        self.update = self.momentum_update if momentum else self.plain_update

    def plain_update(self, value: Any, grad: Any, rate: Any, scale: Any, weight_decay: float) -> None:
        sgd.update(value, grad, rate, scale, weight_decay=weight_decay)

    def momentum_update(self, value: Any, grad: Any, velocity: Any, rate: Any, scale: Any, weight_decay: float) -> None:
        options = {"momentum": self.momentum, "nesterov": self.nesterov, "weight_decay": weight_decay}
        sgd.momentum_update(value, grad, velocity, rate, scale, **options)
