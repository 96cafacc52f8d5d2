"""Following one figure of the epochs, and whether it becomes better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusegrad.errors import perhaps
from fusegrad.training.callback import Callback
from fusegrad.training.checks import whole_number

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


class Monitoring(Callback):
    """Counts how many epochs `monitor` has not become better by more than `min_delta`.

    More is better for metrics that say so (accuracy, top_k, r2), less for the loss and all others.  What it knows comes
    from the history of the run, so that it goes on after `resume` as if never interrupted.
    """

    def __init__(self, monitor: str, patience: int, min_delta: float) -> None:
        self.monitor, self.min_delta = monitor, abs(min_delta)
        self.patience = whole_number(patience, "patience", least=0)
        self.sign = 1.0
        self.forget()

    def forget(self) -> None:
        """Know of no epoch."""
        self.best, self.best_epoch, self.waited = float("inf"), 0, 0

    def begin(self, trainer: Trainer) -> list[dict[str, Any]]:
        """Know of no epoch; returns those of a run that is resumed, which are to be judged first.

        Raises ValueError if no figure is called `monitor`.
        """
        self.check_monitor(trainer.log_names)
        self.sign = -1.0 if trainer.network.scores.maximises(self.monitor.removeprefix("val_")) else 1.0
        self.forget()
        epochs = trainer.history.epochs[trainer.position.run_start :]
        return [logs for logs in epochs if self.monitor in logs]

    def check_monitor(self, names: list[str]) -> None:
        if self.monitor in names:
            return
        lacks_validation = self.monitor.startswith("val_") and self.monitor.removeprefix("val_") in names
        hint = "; give fit validation=(x, y)" if lacks_validation else perhaps(self.monitor, names)
        raise ValueError(f'{type(self).__name__} cannot monitor "{self.monitor}"{hint}')

    def judge(self, logs: dict[str, Any]) -> bool:
        """Whether an epoch is the best so far."""
        figure = self.sign * logs[self.monitor]
        better = bool(figure < self.best - self.min_delta) if np.isfinite(self.best) else bool(np.isfinite(figure))
        self.waited = 0 if better else self.waited + 1
        if better:
            self.best, self.best_epoch = figure, logs["epoch"]
        return better

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self.waited >= max(self.patience, 1)


def ends_with(trainer: Trainer, epoch: int) -> bool:
    """Whether that epoch is the last thing that the trainer has done."""
    return trainer.position.epoch == epoch and trainer.position.batch == 0
