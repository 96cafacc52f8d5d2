"""The learning rate at which a trainer runs its optimizer: that of the optimizer, as callbacks have lowered it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from fusegrad.graph import Optimizer
from fusegrad.training.checks import whole_number


@dataclass(frozen=True)
class Reduction:
    """After `epoch` its figure `monitor` made the rate `factor` times as large, but no smaller than `min_lr`.

    Raises ValueError for numbers that cannot be these.
    """

    monitor: str
    epoch: int
    factor: float
    min_lr: float

    def __post_init__(self) -> None:
        whole_number(self.epoch, "epoch", least=1)
        check_factor(self.factor)
        check_min_lr(self.min_lr)

    def of(self, rate: float) -> float:
        """The lowered rate; one that is below `min_lr` already, as a schedule may make it, stays."""
        return min(rate, max(rate * self.factor, self.min_lr))


class Paced:
    """An optimizer as one trainer runs it; the optimizer itself, which others may share, stays as it is."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.slots, self.update = optimizer.slots, optimizer.update
        self.decays, self.clip_norm = optimizer.decays, optimizer.clip_norm
        self.per_parameter = optimizer.per_parameter
        self.reductions: tuple[Reduction, ...] = ()

    def scalars(self, count: int) -> Mapping[str, float]:
        """The optimizer's numbers of update `count` = 1, 2, …, with the lowered rate."""
        scalars = self.optimizer.scalars(count)
        return {**scalars, "rate": self.lowered(scalars["rate"])} if self.reductions else scalars

    def rate(self, count: int) -> float:
        """The lowered rate of update `count`; ValueError for an optimizer that has none."""
        scalars = self.optimizer.scalars(count)
        if "rate" not in scalars:
            raise ValueError(f'{self} has no learning rate: its scalars are {list(scalars)}, without "rate"')
        return self.lowered(scalars["rate"])

    def lowered(self, rate: float) -> float:
        for reduction in self.reductions:
            rate = reduction.of(rate)
        return rate

    def lower(self, new: Reduction) -> None:
        """Lower the rate from now on, unless that figure of that epoch has done it already."""
        if all((old.monitor, old.epoch) != (new.monitor, new.epoch) for old in self.reductions):
            self.reductions = (*self.reductions, new)

    def state(self) -> list[dict[str, Any]]:
        return [asdict(reduction) for reduction in self.reductions]

    def __repr__(self) -> str:
        return repr(self.optimizer)


def check_factor(factor: float) -> None:
    if not 0 < factor < 1:
        raise ValueError(f"factor expects a number above 0 and below 1, got {factor}")


def check_min_lr(min_lr: float) -> None:
    if not 0 <= min_lr < inf:
        raise ValueError(f"min_lr expects a number of at least 0, got {min_lr}")
