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
