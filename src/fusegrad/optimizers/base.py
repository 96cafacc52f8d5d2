"""What all optimizers share: hyper-parameters with a learning-rate schedule."""

from __future__ import annotations

from collections.abc import Callable

from fusegrad.schedules import Schedule, as_schedule


class Optimizer:
    """Hyper-parameters of an update rule; its state lives in the arena, one flat array per slot.

    A subclass names its `slots`, may add per-update numbers to `scalars`, and defines `update`, which receives flat
    arrays by name (`value`, `grad`, the slots), the scalars as 0-d arrays, `scale` to multiply the gradient with, and
    `weight_decay`, which is 0 for parameters without decay.

    Args:
        lr: learning rate, or a schedule (see `fusegrad.schedules`).
        weight_decay: strength of decay on parameters that have it (not biases).
        clip_norm: bound on the global norm of all gradients (Pascanu et al., 2013, arXiv:1211.5063).

    Raises ValueError for a negative number.
    """

    slots: tuple[str, ...] = ()
    update: Callable[..., None]

    def __init__(self, lr: float | Schedule, *, weight_decay: float = 0.0, clip_norm: float | None = None) -> None:
        self.require(callable(lr) or lr >= 0, "lr", "at least 0, or a schedule", lr)
        self.require(weight_decay >= 0, "weight_decay", "at least 0", weight_decay)
        self.require(clip_norm is None or clip_norm > 0, "clip_norm", "above 0", clip_norm)
        self.lr = as_schedule(lr)
        self.weight_decay, self.clip_norm = weight_decay, clip_norm

    def scalars(self, count: int) -> dict[str, float]:
        """The numbers of update `count` = 1, 2, …"""
        return {"rate": self.lr(count - 1)}

    def require(self, condition: bool, name: str, expected: str, got: object) -> None:
        if not condition:
            raise ValueError(f"{self} expects {name} {expected}, got {got}")

    def __repr__(self) -> str:
        return type(self).__name__
