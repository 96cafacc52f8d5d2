"""What every callback of `Trainer.fit` is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


class Callback:
    """Override what is of interest; `trainer.stop()` ends the fit after the present batch or epoch."""

    def on_fit_begin(self, trainer: Trainer, total_epochs: int, batches_per_epoch: int | None) -> None:
        """Before the first batch; `total_epochs` is the number of the last epoch.  An error here refuses the fit."""

    def on_batch_end(self, trainer: Trainer) -> None:
        """After every batch, or the last of those that one launch trains on.  Reading a loss waits for the device."""

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        """After validation; `logs` is the new entry of `trainer.history.epochs`."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """When training ends, the last callback first; also by an error, and then `trainer.is_done` is false."""


def as_callbacks(given: Callback | Iterable[Callback]) -> list[Callback]:
    """A list of callbacks, also of a single one; ValueError for what is none."""
    if isinstance(given, Callback):
        return [given]
    items = list(given) if isinstance(given, Iterable) else [given]
    for item in items:
        if not isinstance(item, Callback):
            raise ValueError(f"callbacks expects Callback objects, got {described(item)}")
    return items


def described(item: Any) -> str:
    """A thing of the wrong kind, as errors name it."""
    return f"the class {item.__name__}; pass {item.__name__}(…)" if isinstance(item, type) else repr(item)
