"""The loop over epochs and batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fusegrad.training.callback import Callback
from fusegrad.training.evaluating import evaluate
from fusegrad.training.feeding import Data
from fusegrad.training.resident import ResidentSteps
from fusegrad.training.row_data import Batch
from fusegrad.training.scoring import Tally
from fusegrad.training.steps import Steps, gradients, train

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


class Fitting:
    """One call of `Trainer.fit`, after all checks."""

    def __init__(
        self,
        trainer: Trainer,
        data: Data,
        resident: ResidentSteps | None,
        validation: Data | None,
        callbacks: list[Callback],
        epochs: int,
    ) -> None:
        self.trainer, self.validation, self.callbacks = trainer, validation, callbacks
        self.data, self.resident = data, resident
        self.network, self.position = trainer.network, trainer.position
        self.last = self.position.run_start + epochs
        self.mark = 0.0
        self.diverged_in = 0

    def begin(self, ending: ExitStack) -> None:
        """Let callbacks begin; those that did, and only those, will be told of the end."""
        for callback in self.callbacks:
            callback.on_fit_begin(self.trainer, self.last, len(self.data) or None)
            ending.callback(callback.on_fit_end, self.trainer)

    def run(self) -> None:
        """Train until the present run has its epochs, or a callback or divergence stops it."""
        while self.position.epoch < self.last and not self.trainer.stopping:
            self.run_epoch()

    def run_epoch(self) -> None:
        self.mark = perf_counter()
        if self.position.accumulate == 1:
            self.trainer.tally.leave_to_steps(self.network.sums)
        for steps in self.launches():
            self.note(steps)
            if self.trainer.stopping:
                return
        if self.position.batch == 0:
            raise ValueError(f"x expects at least one batch, got none in epoch {self.position.epoch + 1}")
        self.finish_epoch()

    def launches(self) -> Iterator[Steps]:
        """Train on the batches that are left of the epoch."""
        epoch, start, tally = self.position.epoch, self.position.batch, self.trainer.tally
        if self.resident is not None:
            yield from self.resident.launches(epoch, start, tally.apart)
            return
        for batch in self.batches(epoch, start):
            if self.position.accumulate == 1:
                yield train(self.network, batch, tally.apart)
            else:
                yield self.accumulate(batch)

    def batches(self, epoch: int, start: int) -> Iterable[Batch]:
        """The batches of an epoch from number `start` on; those that take time to make come from another thread."""
        batches = self.data.batches(epoch, start)
        if not self.data.takes_time:
            return batches
        from fusegrad.training.background import background  # here, since few need it

        return background(batches)

    def note(self, steps: Steps) -> None:
        """Count what was done, and let callbacks see it."""
        self.position.batch += len(steps.losses)
        self.trainer.tally.add(steps)
        if self.callbacks:
            self.take_time()
            for callback in self.callbacks:
                callback.on_batch_end(self.trainer)
            self.mark = perf_counter()

    def accumulate(self, batch: Batch) -> Steps:
        """Add to the gradients, and update when those of as many batches as wanted are there."""
        steps = gradients(self.network, batch, self.trainer.tally.scores, add=self.position.pending > 0)
        self.position.pending += 1
        if self.position.pending >= self.position.accumulate:
            self.update()
        return steps

    def update(self) -> None:
        """Let the optimizer use the mean of the gradients since its last update."""
        self.network.update(scale=1 / self.position.pending)
        self.position.pending = 0

    def finish_epoch(self) -> None:
        if self.position.pending:
            self.update()
        tally, trainer = self.trainer.tally, self.trainer
        logs: dict[str, Any] = {"epoch": self.position.epoch + 1} | tally.results()
        self.take_time()
        if self.validation is not None:
            results = evaluate(self.network, self.validation)
            logs |= {f"val_{name}": value for name, value in results.items()}
        if trainer.home.found().scaling is not None:
            logs["skipped_steps"] = trainer.skipped_steps
        logs |= {"samples_per_s": tally.samples / max(tally.seconds, 1e-9), "seconds": tally.seconds}
        if not isfinite(logs["loss"]):
            self.diverged_in = logs["epoch"]
            trainer.stop()
        trainer.history.epochs.append(logs)
        self.position.next_epoch()
        trainer.tally = Tally(self.network.scores.fresh())
        for callback in self.callbacks:
            callback.on_epoch_end(trainer, logs)

    def take_time(self) -> None:
        """Add the time since the mark to that of the epoch."""
        now = perf_counter()
        self.trainer.tally.seconds += now - self.mark
        self.mark = now
