"""Stopping when training no longer helps, with the best parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.errors import perhaps
from fusegrad.training.callback import Callback
from fusegrad.training.checks import whole_number

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


@dataclass(frozen=True)
class Best:
    """The parameters after the best epoch so far."""

    epoch: int
    params: dict[str, NDArray[Any]]


class EarlyStopping(Callback):
    """Stops when `monitor` has not become better by more than `min_delta` for `patience` epochs.

    More is better for metrics that say so (accuracy, top_k, r2), less for the loss and all others.  With
    `restore_best` the parameters are those of the best epoch when the fit ends, unless it ends by an error; checkpoints
    hold them beside the present ones.
    Raises ValueError when the fit begins if no figure is called `monitor`, or if the best epoch came before `resume`
    and the checkpoint is without its parameters.
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, min_delta: float = 0.0, restore_best: bool = True
    ) -> None:
        self.monitor, self.min_delta, self.restore_best = monitor, abs(min_delta), restore_best
        self.patience = whole_number(patience, "patience", least=0)
        self.sign, self.best, self.waited = 1.0, float("inf"), 0
        self.best_epoch = 0

    def on_fit_begin(self, trainer: Trainer, total_epochs: int, batches_per_epoch: int | None) -> None:
        self.check_monitor(trainer.log_names)
        self.sign = -1.0 if trainer.network.scores.maximises(self.monitor.removeprefix("val_")) else 1.0
        self.best, self.waited, self.best_epoch = float("inf"), 0, 0
        for logs in trainer.history.epochs[trainer.position.run_start :]:  # of a run that is resumed
            if self.monitor in logs:
                self.judge(logs)
        if self.restore_best and self.best_epoch:
            self.find_best(trainer)
        if self.is_over:
            trainer.stop()

    def check_monitor(self, names: list[str]) -> None:
        if self.monitor in names:
            return
        lacks_validation = self.monitor.startswith("val_") and self.monitor.removeprefix("val_") in names
        hint = "; give fit validation=(x, y)" if lacks_validation else perhaps(self.monitor, names)
        raise ValueError(f'EarlyStopping cannot monitor "{self.monitor}"{hint}')

    def find_best(self, trainer: Trainer) -> None:
        """Make sure that the parameters of the best epoch, which came before a resume, are there."""
        if trainer.position.epoch == self.best_epoch and trainer.position.batch == 0:
            self.keep(trainer)
        kept = trainer.best.get(self.monitor)
        if kept is None or kept.epoch != self.best_epoch:
            raise ValueError(
                f'EarlyStopping cannot restore epoch {self.best_epoch}, the best by "{self.monitor}": the checkpoint '
                "is without its parameters; pass restore_best=False"
            )

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        if self.judge(logs) and self.restore_best:
            self.keep(trainer)
        if self.is_over:
            trainer.stop()

    def keep(self, trainer: Trainer) -> None:
        trainer.best[self.monitor] = Best(self.best_epoch, trainer.arena.state_dict())

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
        return self.waited >= max(self.patience, 1)

    def on_fit_end(self, trainer: Trainer) -> None:
        is_there = trainer.position.epoch == self.best_epoch and trainer.position.batch == 0
        if trainer.is_done and self.restore_best and self.best_epoch and not is_there:
            trainer.arena.load_state_dict(trainer.best[self.monitor].params)
