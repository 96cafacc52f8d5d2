"""What happens between the batches and epochs of `Trainer.fit`."""

from __future__ import annotations

import warnings
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.errors import perhaps
from fusegrad.training.checks import whole_number

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


class Callback:
    """Override what is of interest; `trainer.stop()` ends the fit after the present batch or epoch."""

    def on_fit_begin(self, trainer: Trainer, total_epochs: int, batches_per_epoch: int | None) -> None:
        """Before the first batch; `total_epochs` is the number of the last epoch."""

    def on_batch_end(self, trainer: Trainer) -> None:
        """After every batch.  Reading the loss here would wait for the device."""

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        """After validation; `logs` is the new entry of `trainer.history.epochs`."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """When training ends, also by an error."""


class EarlyStopping(Callback):
    """Stops when `monitor` has not become better by more than `min_delta` for `patience` epochs.

    More is better for metrics that say so (accuracy, top_k, r2), less for the loss and all others.  With
    `restore_best` the parameters are those of the best epoch when the fit ends.
    Raises ValueError when the fit begins if no figure is called `monitor`.
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, min_delta: float = 0.0, restore_best: bool = True
    ) -> None:
        self.monitor, self.min_delta, self.restore_best = monitor, abs(min_delta), restore_best
        self.patience = whole_number(patience, "patience", least=0)
        self.sign, self.best, self.waited = 1.0, float("inf"), 0
        self.best_epoch = 0
        self.kept: dict[str, NDArray[Any]] | None = None

    def on_fit_begin(self, trainer: Trainer, total_epochs: int, batches_per_epoch: int | None) -> None:
        if self.monitor not in trainer.log_names:
            raise ValueError(f'EarlyStopping cannot monitor "{self.monitor}"{perhaps(self.monitor, trainer.log_names)}')
        self.sign = -1.0 if trainer.network.scores.maximises(self.monitor.removeprefix("val_")) else 1.0
        self.best, self.waited, self.best_epoch, self.kept = float("inf"), 0, 0, None
        for logs in trainer.history.epochs[trainer.position.run_start :]:  # of a run that is resumed
            self.judge(logs)

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        if self.judge(logs) and self.restore_best:
            self.kept = trainer.arena.state_dict()
        if self.waited >= max(self.patience, 1):
            trainer.stop()

    def judge(self, logs: dict[str, Any]) -> bool:
        """Whether an epoch is the best so far."""
        figure = self.sign * logs[self.monitor]
        better = bool(figure < self.best - self.min_delta) if np.isfinite(self.best) else bool(np.isfinite(figure))
        self.waited = 0 if better else self.waited + 1
        if better:
            self.best, self.best_epoch = figure, logs["epoch"]
        return better

    def on_fit_end(self, trainer: Trainer) -> None:
        is_there = trainer.position.epoch == self.best_epoch and trainer.position.batch == 0
        if self.kept is not None and not is_there:
            trainer.arena.load_state_dict(self.kept)
        elif self.kept is None and self.restore_best and 0 < self.best_epoch < trainer.position.epoch:
            message = (
                f"epoch {self.best_epoch} was the best, but came before this fit resumed; its parameters are not kept"
            )
            warnings.warn(message, stacklevel=2)


class Checkpoint(Callback):
    """Saves the trainer to `path` after each epoch, or after every `every` batches; the file is always a whole one."""

    def __init__(self, path: str | PathLike[str], every: int | None = None) -> None:
        self.path, self.every = path, None if every is None else whole_number(every, "every", least=1)
        self.batches = 0

    def on_batch_end(self, trainer: Trainer) -> None:
        self.batches += 1
        if self.every and self.batches % self.every == 0:
            trainer.save(self.path)

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        if self.every is None:
            trainer.save(self.path)
