"""The loop that most training needs, with everything that makes it repeatable."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from os import PathLike
from typing import Any

from fusegrad.graph import Module, Optimizer, ParamArena, Scalar
from fusegrad.graph.demand import Trainable
from fusegrad.graph.precision import PRECISIONS
from fusegrad.training import checkpoint, evaluating
from fusegrad.training.building import Network
from fusegrad.training.callback import Callback, as_callbacks, described
from fusegrad.training.checks import SEEDS, whole_number
from fusegrad.training.feeding import as_data, as_validation, checked_batch
from fusegrad.training.fitting import Fitting
from fusegrad.training.history import History
from fusegrad.training.home import Home
from fusegrad.training.objective import Objective
from fusegrad.training.position import Position
from fusegrad.training.resident import ResidentSteps, check_residence
from fusegrad.training.row_data import RowData
from fusegrad.training.sampling import Balanced
from fusegrad.training.scoring import Scores, Tally
from fusegrad.training.steps import step
from fusegrad.training.stopping import Best


class Trainer:
    """Trains a model on batches.

    Args:
        model: a model or layer; its open widths are settled by the first batch.
        loss: called as `loss(output, target)`, or with the weight of samples as third argument if its signature has
            `weight`; a list, or a dict by the names of outputs, of such losses is matched to outputs and summed.
        optimizer: see `fusegrad.optimizers`.
        metrics: names or objects of `fusegrad.metrics` for the first output, or a dict of them by names of outputs.
        precision: "float32" or "float64", to which floating-point data is converted; or on a GPU "bfloat16", "float16"
            or "tf32": parameters, losses and optimizer state stay in float32, products take factors of fewer bits.  A
            CPU computes in float32 then, and a warning says so.
        seed: of the parameters' first values, random layers and the order of samples.  A model whose parameters live in
            an arena already is trained with the values that it has.
        backend: "cpu", "cuda", "emulated" or "auto"; default: that of the model's arena, else what `using` or `select`
            chose.
        capture: whether steps on a GPU, from the second of each shape on, are launched as one CUDA graph; those of
            layers whose passes are not all made of ops never are.
        train: the module or parameters to train, such as a new head; default: all.  The others stay as they are (the
            running statistics of a BatchNorm do unless it is frozen).

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
        capture: bool = True,
        train: Trainable | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f'precision expects one of {", ".join(PRECISIONS)}, got "{precision}"')
        if isinstance(optimizer, type) or not all(hasattr(optimizer, name) for name in ("slots", "scalars", "update")):
            raise ValueError(f"optimizer expects one such as optimizers.Adam(), got {described(optimizer)}")
        self.seed = whole_number(seed, "seed", least=0, below=SEEDS)
        self.model, self.optimizer, self.objective, scores = model, optimizer, Objective(loss), Scores(metrics)
        self.home = Home({"": model} | self.objective.modules, precision, self.seed, backend)
        self.network = Network(model, self.objective, optimizer, scores, self.home, capture, train)
        self.history, self.position, self.tally = History(), Position(), Tally(scores.fresh())
        self.best: dict[str, Best] = {}
        self.is_resumed = self.is_fitting = self.stopping = self.is_done = False
        self.log_names: list[str] = []

    @property
    def arena(self) -> ParamArena:
        """Where the parameters live; GraphError before the first batch."""
        return self.home.found()

    @property
    def lr(self) -> float:
        """The learning rate of the next update: that of the optimizer, as callbacks have lowered it."""
        state = self.home.arena and self.home.arena.optimizer_states.get(self.optimizer)
        return self.network.paced.rate(state.count + 1 if state else 1)

    @property
    def skipped_steps(self) -> int:
        """How many updates were skipped because gradients were not finite in float16; 0 in other precisions."""
        scaling = self.home.arena and self.home.arena.scaling
        return scaling.skipped if scaling else 0

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        sample_weight: Any = None,
        validation: Any = None,
        callbacks: Callback | Sequence[Callback] = (),
        shuffle: bool = True,
        drop_last: bool = False,
        sampler: Balanced | None = None,
        augment: Sequence[Any] = (),
        accumulate: int = 1,
        resident: bool = False,
        steps_per_execution: int = 1,
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
            sampler: which rows an epoch has, such as `fg.data.Balanced(y)`; default: every row once.
            augment: random changes of images, such as `[fg.data.Flip(), fg.data.Shift(2)]`, in turn, which depend on
                seed, epoch and row alone; x is (rows, channels, height, width) then.  A thread prepares them.
            accumulate: batches whose gradients are averaged for one update.
            resident: whether x, y and weights are copied to the device once, and batches are taken there, in steps that
                are captured in any case; else each batch comes from the host, while the one before is computed.
            steps_per_execution: of resident data, the steps that one launch makes, up to 64.  Callbacks see the last of
                them; batches of an epoch that are too few for it are taken one by one.

        Raises ValueError (GraphError where model and data do not fit) before any parameter changes: for empty data,
        arrays of different lengths, numbers that are not finite, labels or targets out of range, and what is not
        numeric; for batches of an iterable when they come; and within another fit.  Warns, and stops, when the loss of
        an epoch is not finite.
        """
        self.check_idle("fit")
        epochs, accumulate = whole_number(epochs, "epochs", least=0), whole_number(accumulate, "accumulate", least=1)
        together = whole_number(steps_per_execution, "steps_per_execution", least=1)
        followers, form = as_callbacks(callbacks), self.form() | {"batch_size": batch_size}
        course: dict[str, Any] = {"seed": self.seed, "shuffle": shuffle, "drop_last": drop_last}
        data = as_data(x, y, sample_weight, epochs, sampler=sampler, augment=augment, **course, **form)
        check_residence(data, resident, together, accumulate, self.network)
        held_out = None if validation is None else as_validation(validation, epochs, **form)
        with self.network.unchanged_on_failure():
            self.network.prepare(data, self.network.for_training)
            if held_out is not None:
                self.network.prepare(held_out, self.network.for_evaluation)
            placed = ResidentSteps(self.network, data, together) if isinstance(data, RowData) and resident else None
        with ExitStack() as ending:
            ending.enter_context(self.in_fit())
            with self.unchanged_on_refusal():
                self.begin(data.course() | {"accumulate": accumulate}, with_validation=held_out is not None)
                fitting = Fitting(self, data, placed, held_out, followers, epochs)
                fitting.begin(ending)
            self.is_resumed = False
            fitting.run()
            self.is_done = True
        if fitting.diverged_in:
            advice = "training diverged; lower the learning rate"
            if self.skipped_steps:
                advice += f", or scale the data: {self.skipped_steps} updates were skipped for gradients beyond float16"
            warnings.warn(f"loss is not finite at epoch {fitting.diverged_in}: {advice}", stacklevel=2)
        return self.history

    def form(self) -> dict[str, Any]:
        """What data in any form is checked by."""
        return {"dtype": self.home.dtype, "check_targets": self.objective.check_targets}

    def begin(self, course: dict[str, Any], with_validation: bool) -> None:
        """Start a new run, unless one was resumed; ValueError where an epoch would go on with other batches."""
        if self.is_resumed:
            self.position.check_same_epoch(course)
        else:
            self.position, self.best = self.position.new_run(), {}
            self.tally = Tally(self.network.scores.fresh())
        self.position = replace(self.position, **course)
        self.stopping = self.is_done = False
        names = ["loss", *self.network.scores.names]
        self.log_names = [*names, *(f"val_{name}" for name in names if with_validation)]

    @contextmanager
    def unchanged_on_refusal(self) -> Iterator[None]:
        """If the body raises, the trainer stands where it stood."""
        before, reductions = (self.position, self.tally, self.best), self.network.paced.reductions
        try:
            yield
        except BaseException:
            self.position, self.tally, self.best = before
            self.network.paced.reductions = reductions
            raise

    def check_idle(self, call: str) -> None:
        if self.is_fitting:
            raise ValueError(f"{call} expects no fit in progress; a callback may call stop, and {call} may follow")

    @contextmanager
    def in_fit(self) -> Iterator[None]:
        """Let what would move the position of a fit be refused meanwhile."""
        self.is_fitting = True
        try:
            yield
        finally:
            self.is_fitting = False

    def step(self, x: Any, y: Any, weight: Any = None) -> Scalar:
        """Train on one batch and return its loss, which is read from the device only when it is needed.

        Raises ValueError while gradients of `fit(accumulate=…)` await their update, which it would write over.
        """
        if pending := self.position.pending:
            raise ValueError(
                f"step expects no gradients that await their update, got those of {pending} batches in fit"
            )
        batch = checked_batch(x, y, weight, **self.form())
        return step(self.network, self.network.for_step(batch), batch)

    def evaluate(self, x: Any, y: Any = None, batch_size: int = 32, sample_weight: Any = None) -> dict[str, float]:
        """The loss and the metrics on data in any form that `fit` takes."""
        data = as_data(x, y, sample_weight, epochs=1, batch_size=batch_size, **self.form())
        self.network.prepare(data, self.network.for_evaluation)
        return evaluating.evaluate(self.network, data)

    def predict(self, x: Any, batch_size: int = 32) -> Any:
        """The outputs for all rows of x, as NumPy arrays in the form in which the model returns them."""
        data = RowData(x, batch_size=batch_size, dtype=self.home.dtype)
        self.network.prepare(data, self.network.for_prediction)
        return evaluating.predict(self.network, data)

    def stop(self) -> None:
        """End the present `fit` after this batch or epoch; for callbacks."""
        self.stopping = True

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything that decides how training goes on to one safetensors file, whole or not at all."""
        from fusegrad.training import snapshot  # here, as is restoring below, since most scripts do neither

        checkpoint.write(path, snapshot.capture(self))

    def load(self, path: str | PathLike[str]) -> None:
        """Take over the parameters of a checkpoint; CheckpointError, and no change, where names or shapes differ."""
        from fusegrad.training import restoring

        restoring.load_params(self, checkpoint.read(path))

    def resume(self, path: str | PathLike[str]) -> None:
        """Take over everything: the next `fit`, given the same data and arguments, goes on as if never interrupted.

        `history` stays the same object.  Warns where backend or BLAS differ; CheckpointError, and no change, where the
        checkpoint does not fit.
        """
        self.check_idle("resume")
        from fusegrad.training import restoring

        restoring.restore(self, checkpoint.read(path))
        self.is_resumed = True
