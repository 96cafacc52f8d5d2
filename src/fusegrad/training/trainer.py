"""The loop that most training needs, with everything that makes it repeatable."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from fusegrad.graph import Module, Optimizer, ParamArena, Scalar
from fusegrad.training import checkpoint, evaluating, snapshot
from fusegrad.training.building import Network
from fusegrad.training.callbacks import Callback
from fusegrad.training.checks import whole_number
from fusegrad.training.data import RowData
from fusegrad.training.feeding import Data, as_data, as_validation, checked_batch
from fusegrad.training.fitting import Fitting, Position, gradients
from fusegrad.training.history import History
from fusegrad.training.home import Home
from fusegrad.training.objective import Objective
from fusegrad.training.scoring import Scores, Tally

PRECISIONS = ("float32", "float64")


class Trainer:
    """Trains a model on batches.

    Args:
        model: a model or layer; its open widths are settled by the first batch.
        loss: called as `loss(output, target)`, or with the weight of samples as third argument if its signature has
            `weight`; a list, or a dict by the names of outputs, of such losses is matched to outputs and summed.
        optimizer: see `fusegrad.optimizers`.
        metrics: names or objects of `fusegrad.metrics` for the first output, or a dict of them by names of outputs.
        precision: "float32" or "float64"; floating-point data is converted.
        seed: of the parameters' first values, random layers and the order of samples.  A model whose parameters live in
            an arena already is trained with the values that it has.
        backend: "cpu", "cuda" or "auto"; default: that of the model's arena, else what `using` or `select` chose.

    The same seed, data, backend and BLAS (with as many threads) give the same bits, also across `save` and `resume`.
    Raises ValueError for an argument that is none of these.
    """

    def __init__(
        self,
        model: Module,
        loss: Any,
        optimizer: Optimizer,
        metrics: Any = (),
        precision: str = "float32",
        seed: int = 0,
        backend: str | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f'precision expects one of {", ".join(PRECISIONS)}, got "{precision}"')
        self.seed, self.optimizer = whole_number(seed, "seed", least=0), optimizer
        objective, scores = Objective(loss), Scores(metrics)
        self.home = Home({"": model} | objective.modules, precision, self.seed, backend)
        self.network = Network(model, objective, optimizer, scores, self.home)
        self.history, self.position, self.tally = History(), Position(), Tally(scores.fresh())
        self.is_resumed = self.stopping = False
        self.log_names: list[str] = []

    @property
    def arena(self) -> ParamArena:
        """Where the parameters live; GraphError before the first batch."""
        return self.home.found()

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        sample_weight: Any = None,
        validation: Any = None,
        callbacks: Sequence[Callback] = (),
        shuffle: bool = True,
        drop_last: bool = False,
        accumulate: int = 1,
    ) -> History:
        """Train until the present run has `epochs` epochs, and return the history of all.

        A call begins a new run, whose epochs are numbered on from those before; the first call after `resume` instead
        goes on with the run in the checkpoint, where that stopped.

        Args:
            x: an array, a tuple of arrays (inputs in order) or a dict (inputs by name), one row per sample; or, without
                y, an iterable of batches `(x, y)` or `(x, y, weight)` that can be gone through once per epoch.
            y: the targets, likewise.
            sample_weight: one number of at least 0 for each sample.
            validation: `(x, y)` or `(x, y, weight)`, or an iterable of batches, evaluated after each epoch.
            shuffle: whether rows come in an order that depends on the seed and the epoch; else they come as they are.
            drop_last: whether a last batch of fewer rows is left out; else it has a program of its own.
            accumulate: batches whose gradients are averaged for one update.

        Raises ValueError (GraphError where model and data do not fit) before any parameter changes: for empty data,
        arrays of different lengths, numbers that are not finite, labels out of range, and what is not numeric.
        """
        epochs, accumulate = whole_number(epochs, "epochs", least=0), whole_number(accumulate, "accumulate", least=1)
        form: dict[str, Any] = {"dtype": self.home.precision, "batch_size": batch_size}
        data = as_data(x, y, sample_weight, epochs, seed=self.seed, shuffle=shuffle, drop_last=drop_last, **form)
        held_out = None if validation is None else as_validation(validation, epochs, **form)
        with self.network.unchanged_on_failure():
            data.check_limits([self.network.for_training(batch).traced.limits for batch in data.examples()])
            if held_out is not None:
                self.check_for_evaluation(held_out)
        self.begin(data, with_validation=held_out is not None)
        Fitting(self, data, held_out, callbacks, accumulate).run(epochs)
        return self.history

    def begin(self, data: Data, with_validation: bool) -> None:
        """Start a new run, unless one was resumed; ValueError where that does not fit the data."""
        position = self.position
        if not self.is_resumed:
            position.begin_run()
            self.tally = Tally(self.network.scores.fresh())
        elif position.batch and len(data) != position.batches:
            came = f"data of {len(data)} batches, after resume at batch {position.batch} of {position.batches}"
            raise ValueError(f"fit expects the data of the checkpoint, got {came}")
        self.is_resumed = self.stopping = False
        names = ["loss", *self.network.scores.names]
        self.log_names = [*names, *(f"val_{name}" for name in names if with_validation)]

    def check_for_evaluation(self, data: Data) -> None:
        data.check_limits([self.network.for_evaluation(batch).traced.limits for batch in data.examples()])

    def step(self, x: Any, y: Any, weight: Any = None) -> Scalar:
        """Train on one batch and return its loss, which is read from the device only when it is needed."""
        batch = checked_batch(x, y, weight, dtype=self.home.precision)
        loss = gradients(self.network, batch, add=False)
        self.network.update()
        return loss

    def evaluate(self, x: Any, y: Any = None, batch_size: int = 32, sample_weight: Any = None) -> dict[str, float]:
        """The loss and the metrics on data in any form that `fit` takes."""
        data = as_data(x, y, sample_weight, epochs=1, dtype=self.home.precision, batch_size=batch_size)
        self.check_for_evaluation(data)
        return evaluating.evaluate(self.network, data)

    def predict(self, x: Any, batch_size: int = 32) -> Any:
        """The outputs for all rows of x, as NumPy arrays in the form in which the model returns them."""
        data = RowData(x, batch_size=batch_size, dtype=self.home.precision)
        data.check_limits([self.network.for_prediction(batch).traced.limits for batch in data.examples()])
        return evaluating.predict(self.network, data)

    def stop(self) -> None:
        """End the present `fit` after this batch or epoch; for callbacks."""
        self.stopping = True

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything that decides how training goes on to one safetensors file, whole or not at all."""
        checkpoint.write(path, snapshot.capture(self))

    def load(self, path: str | PathLike[str]) -> None:
        """Take over the parameters of a checkpoint; CheckpointError, and no change, where names or shapes differ."""
        snapshot.load_params(self, checkpoint.read(path))

    def resume(self, path: str | PathLike[str]) -> None:
        """Take over everything: the next `fit`, given the same data and arguments, goes on as if never interrupted.

        Warns where backend or BLAS differ; CheckpointError, and no change, where the checkpoint does not fit.
        """
        snapshot.restore(self, checkpoint.read(path))
        self.is_resumed = True
