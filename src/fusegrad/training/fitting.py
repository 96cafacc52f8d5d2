"""The loop over epochs and batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fusegrad.graph import Scalar
from fusegrad.training.building import Network
from fusegrad.training.callbacks import Callback
from fusegrad.training.data import Batch
from fusegrad.training.evaluating import evaluate
from fusegrad.training.feeding import Data
from fusegrad.training.scoring import Tally

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


@dataclass
class Position:
    """Where training stands: the whole state of sampler and loop.

    `epoch` epochs and `batch` batches of the next one are done, `pending` of them without an update yet; the run began
    when `run_start` epochs were done.  `batches` is the length of the unfinished epoch, 0 where unknown.
    """

    run_start: int = 0
    epoch: int = 0
    batch: int = 0
    pending: int = 0
    batches: int = 0

    def begin_run(self) -> None:
        """Start a new run at the present epoch; an epoch that was left unfinished starts anew."""
        self.run_start, self.batch, self.pending, self.batches = self.epoch, 0, 0, 0

    def next_epoch(self) -> None:
        self.epoch, self.batch, self.pending = self.epoch + 1, 0, 0

    def state(self) -> dict[str, int]:
        return asdict(self)


class Fitting:
    """One call of `Trainer.fit`, after all checks."""

    def __init__(
        self, trainer: Trainer, data: Data, validation: Data | None, callbacks: Sequence[Callback], accumulate: int
    ) -> None:
        self.trainer, self.data, self.validation = trainer, data, validation
        self.callbacks, self.accumulate = callbacks, accumulate
        self.network, self.position = trainer.network, trainer.position
        self.position.batches = len(data)
        self.mark = 0.0

    def run(self, epochs: int) -> None:
        """Train until the present run has `epochs` epochs."""
        last = self.position.run_start + epochs
        for callback in self.callbacks:
            callback.on_fit_begin(self.trainer, last, len(self.data) or None)
        try:
            while self.position.epoch < last and not self.trainer.stopping:
                self.run_epoch()
        finally:
            for callback in self.callbacks:
                callback.on_fit_end(self.trainer)

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
        if self.position.pending == self.accumulate:
            self.update()
        self.trainer.tally.add_loss(loss, batch.total_weight, batch.size)
        self.take_time()
        for callback in self.callbacks:
            callback.on_batch_end(self.trainer)

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
        trainer.history.epochs.append(logs)
        self.position.next_epoch()
        trainer.tally = Tally(self.network.scores.fresh())
        for callback in self.callbacks:
            callback.on_epoch_end(trainer, logs)

    def take_time(self) -> None:
        """Add the time since the last call to that of the epoch."""
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
