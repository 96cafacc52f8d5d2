"""Stopping when training no longer helps, with the best parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fusegrad.training.monitoring import Monitoring, ends_with

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


@dataclass(frozen=True)
class Best:
    """The parameters after the best epoch so far."""

    epoch: int
    params: dict[str, NDArray[Any]]


class EarlyStopping(Monitoring):
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
        super().__init__(monitor, patience, min_delta)
        self.restore_best = restore_best

    def on_fit_begin(self, trainer: Trainer, total_epochs: int, batches_per_epoch: int | None) -> None:
        for logs in self.begin(trainer):
            self.judge(logs)
        if self.restore_best and self.best_epoch:
            self.find_best(trainer)
        if self.is_over:
            trainer.stop()

    def find_best(self, trainer: Trainer) -> None:
        """Make sure that the parameters of the best epoch, which came before a resume, are there."""
        if ends_with(trainer, self.best_epoch):
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

    def on_fit_end(self, trainer: Trainer) -> None:
        is_there = ends_with(trainer, self.best_epoch)
        if trainer.is_done and self.restore_best and self.best_epoch and not is_there:
            trainer.arena.load_state_dict(trainer.best[self.monitor].params)
