"""Runs whose figures a script says, and the rates that come of them."""

from __future__ import annotations

from typing import Any

from training.cases import blobs, classifier

from fusegrad import optimizers
from fusegrad.training import Callback, ReduceLROnPlateau, Trainer


class Script(Callback):
    """Overwrites a figure of each epoch of the run, before callbacks that come later read it."""

    def __init__(self, figures: list[float], name: str = "loss") -> None:
        self.figures, self.name = figures, name

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        logs[self.name] = self.figures[logs["epoch"] - trainer.position.run_start - 1]


class Rates(Callback):
    """The rate after each epoch."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        self.seen.append(trainer.lr)


def descent() -> Trainer:
    """A trainer with a rate of 0.8."""
    return classifier(optimizer=optimizers.SGD(0.8))


def rates(
    script: list[float], callback: ReduceLROnPlateau, trainer: Trainer | None = None, name: str = "loss"
) -> list[float]:
    """The rate after each epoch of a run, of two updates each, whose figures are those of the script."""
    callbacks = [Script(script, name), callback, recorder := Rates()]
    (trainer or descent()).fit(*blobs(), epochs=len(script), batch_size=35, callbacks=callbacks)
    return recorder.seen
