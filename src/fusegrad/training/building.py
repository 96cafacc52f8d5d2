"""Models traced, planned and bound when the first batch of a shape comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fusegrad.graph import (
    GraphError,
    Input,
    LeastRecentlyUsed,
    Module,
    Optimizer,
    Program,
    Spec,
    Value,
    flatten,
    require,
)
from fusegrad.training.data import Batch
from fusegrad.training.home import Home
from fusegrad.training.objective import Objective
from fusegrad.training.scoring import Scores
from fusegrad.training.structure import mapped


@dataclass(frozen=True)
class Traced:
    """A model called on the Values of a batch; `loss` is None where there are no targets."""

    batch: Batch
    outputs: Any
    loss: Value | None

    @property
    def limits(self) -> dict[str, int]:
        """Below which the integers of an input must lie, by label."""
        return {label: value.limit for label, value in self.batch.named().items() if value.limit is not None}


@dataclass(frozen=True)
class Passes:
    """A traced model, the outputs that metrics judge, and the program that runs it."""

    traced: Traced
    judged: list[Value]
    program: Program


class Network:
    """A model with its losses, and a program for every purpose and shape of batch."""

    def __init__(self, model: Module, objective: Objective, optimizer: Optimizer, scores: Scores, home: Home) -> None:
        require(isinstance(model, Module) and callable(model), "Trainer", "a model or a layer", type(model).__name__)
        self.model, self.objective, self.optimizer, self.scores, self.home = model, objective, optimizer, scores, home
        self.example: Batch | None = None
        self.seen: dict[str, Spec] = {}
        self.training, self.evaluating, self.predicting = (LeastRecentlyUsed[Passes]() for _ in range(3))

    def for_training(self, batch: Batch) -> Passes:
        """The program that makes steps on batches like this one."""
        return self.find(self.training, batch, self.make_training)

    def for_evaluation(self, batch: Batch) -> Passes:
        """The program that computes the loss, and what metrics judge, without training."""
        return self.find(self.evaluating, batch, self.make_evaluation)

    def for_prediction(self, batch: Batch) -> Passes:
        """The program that computes all outputs; it needs no targets."""
        return self.find(self.predicting, Batch(batch.x), self.make_prediction)

    def make_training(self, traced: Traced) -> Passes:
        judged = self.scores.judged(traced.outputs)
        inputs = traced.batch.arrays()
        program = Program(inputs, loss_of(traced), self.home.found(), self.optimizer, keep=judged)
        require(program.trains, f"training {self.model}", "a parameter that the loss reaches", "none")
        return Passes(traced, judged, program)

    def make_evaluation(self, traced: Traced) -> Passes:
        judged = self.scores.judged(traced.outputs)
        return Passes(traced, judged, Program(traced.batch.arrays(), [loss_of(traced), *judged], self.home.found()))

    def make_prediction(self, traced: Traced) -> Passes:
        return Passes(traced, [], Program(traced.batch.arrays(), flatten(traced.outputs), self.home.found()))

    def find(self, kept: LeastRecentlyUsed[Passes], batch: Batch, make: Callable[[Traced], Passes]) -> Passes:
        """What was built for batches of these shapes and dtypes, or built now; nothing changes where that fails."""
        specs = self.specs(batch)
        with self.untouched_on_failure():
            passes = kept.get(tuple(specs.named().items()), lambda: make(self.trace(specs)))
        self.seen |= {label: spec for label, spec in specs.named().items() if label not in self.seen}
        if self.example is None or (self.example.y is None and specs.y is not None):
            self.example = specs
        return passes

    def specs(self, batch: Batch) -> Batch:
        """Shapes of a batch, with the dtypes that the program computes in."""
        x = mapped(self.spec_of_input, batch.x, "x")
        y = mapped(self.spec_of_target, batch.y, "y")
        return Batch(x, y, mapped(self.spec_of_weight, batch.weight, ""))

    def spec_of_input(self, _: str, array: Any) -> Spec:
        kinds = {"f": self.home.precision, "b": "uint8"}
        return Spec(array.shape, kinds.get(array.dtype.kind, array.dtype.name))

    def spec_of_target(self, _: str, array: Any) -> Spec:
        integer = "int32" if array.dtype == "int32" else "int64"
        return Spec(array.shape, self.home.precision if array.dtype.kind == "f" else integer)

    def spec_of_weight(self, _: str, array: Any) -> Spec:
        return Spec(array.shape, self.home.precision)

    def trace(self, specs: Batch) -> Traced:
        """Call model and loss on Values; GraphError where the batch does not fit them."""
        self.check_alike(specs)
        try:
            traced = self.call(specs)
        except GraphError as error:
            raise GraphError(f"{error}{self.differences(specs)}") from None
        self.home.make(self.scores_and_losses_fit(traced))
        return traced
