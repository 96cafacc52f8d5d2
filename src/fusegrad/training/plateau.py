"""A lower learning rate when training no longer helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusegrad.training.checks import whole_number
from fusegrad.training.monitoring import Monitoring, ends_with
from fusegrad.training.pace import Reduction, check_factor, check_min_lr

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


class ReduceLROnPlateau(Monitoring):
    """Lowers the rate to rate · `factor` when `monitor` has not become better by `min_delta` for `patience` epochs.

    More is better for metrics that say so (accuracy, top_k, r2), less for the loss and all others.  The `cooldown`
    epochs after a reduction do not count as waiting.  The rate, a number or a schedule, is not reduced below `min_lr`,
    and stays reduced in later fits of the trainer; checkpoints hold it; `trainer.lr` tells it.  Patience is counted as
    by Keras and `EarlyStopping`; PyTorch waits one epoch longer.
    Raises ValueError for a factor that is not between 0 and 1, a negative number, and when the fit begins if no figure
    is called `monitor` or the optimizer has no rate.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, patience, min_delta)
        check_factor(factor)
        check_min_lr(min_lr)
        self.factor, self.min_lr = float(factor), float(min_lr)
        self.cooldown = whole_number(cooldown, "cooldown", least=0)
        self.cooling = 0

    def on_fit_begin(self, trainer: Trainer, total_epochs: int, batches_per_epoch: int | None) -> None:
        trainer.network.paced.rate(1)
        self.cooling = 0
        for logs in self.begin(trainer):
            # The last epoch may have been saved before it was judged; what earlier ones did is in the checkpoint.
            if self.is_due(logs) and ends_with(trainer, logs["epoch"]):
                self.reduce(trainer, logs["epoch"])

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        if self.is_due(logs):
            self.reduce(trainer, logs["epoch"])

    def is_due(self, logs: dict[str, Any]) -> bool:
        """Judge an epoch; whether the rate is to be reduced after it."""
        self.judge(logs)
        if self.cooling:
            self.cooling, self.waited = self.cooling - 1, 0
        due = self.is_over
        if due:
            self.cooling, self.waited = self.cooldown, 0
        return due

    def reduce(self, trainer: Trainer, epoch: int) -> None:
        if trainer.lr > self.min_lr:
            trainer.network.paced.lower(Reduction(self.monitor, epoch, self.factor, self.min_lr))
