"""The loop over epochs and batches."""

from __future__ import annotations

from contextlib import ExitStack
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fusegrad.graph import Scalar
from fusegrad.training.building import Network
from fusegrad.training.callback import Callback
from fusegrad.training.data import Batch
from fusegrad.training.evaluating import evaluate
from fusegrad.training.feeding import Data
from fusegrad.training.scoring import Tally

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


class Fitting:
    """One call of `Trainer.fit`, after all checks."""

    def __init__(
        self, trainer: Trainer, data: Data, validation: Data | None, callbacks: list[Callback], epochs: int
    ) -> None:
        self.trainer, self.data, self.validation, self.callbacks = trainer, data, validation, callbacks
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
        for batch in self.data.batches(self.position.epoch, self.position.batch):
            self.run_batch(batch)
            if self.trainer.stopping:
                return
        if self.position.batch == 0:
            raise ValueError(f"x expects at least one batch, got none in epoch {self.position.epoch + 1}")
        self.finish_epoch()

    def run_batch(self, batch: Batch) -> None:
        loss = gradients(self.network, batch, add=self.position.pending > 0, tally=self.trainer.tally)
        self.position.pending += 1
        self.position.batch += 1
        if self.position.pending >= self.position.accumulate:
            self.update()
        self.trainer.tally.add_loss(loss, batch.total_weight, batch.size)
        if self.callbacks:
            self.take_time()
            for callback in self.callbacks:
                callback.on_batch_end(self.trainer)
            self.mark = perf_counter()

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


def gradients(network: Network, batch: Batch, *, add: bool, tally: Tally | None = None) -> Scalar:
    """Forward and backward; `add` to the gradients that are there.  Returns the loss; `tally` gets the predictions."""
    passes = network.for_training(batch)
    loss: Scalar = passes.program.forward(*batch.arrays())
    passes.program.backward(accumulate=add)
    if tally is not None and passes.judged:
        network.judge(tally.scores, [passes.program.read(value) for value in passes.judged], batch)
    return loss
