"""What happens between the batches and epochs of `Trainer.fit`."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from fusegrad.training.callback import Callback
from fusegrad.training.checks import whole_number
from fusegrad.training.plateau import ReduceLROnPlateau
from fusegrad.training.progress import ProgressBar
from fusegrad.training.stopping import EarlyStopping

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "ProgressBar", "ReduceLROnPlateau"]


class Checkpoint(Callback):
    """Saves the trainer to `path` after each epoch, or after every `every` batches; the file is always a whole one.

    Where one launch trains on several batches, it is saved after the launch that has the batch in question.
    """

    def __init__(self, path: str | PathLike[str], every: int | None = None) -> None:
        self.path, self.every = path, None if every is None else whole_number(every, "every", least=1)
        self.batches = self.seen = 0  # batches of all epochs, and of the present one

    def on_fit_begin(self, trainer: Trainer, total_epochs: int, batches_per_epoch: int | None) -> None:
        self.seen = trainer.position.batch

    def on_batch_end(self, trainer: Trainer) -> None:
        before = self.batches
        self.batches += trainer.position.batch - self.seen
        self.seen = trainer.position.batch
        if self.every and self.batches // self.every > before // self.every:
            trainer.save(self.path)

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        self.seen = 0
        if self.every is None:
            trainer.save(self.path)
