"""Models traced, planned and bound when the first batch of a shape comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fusegrad.graph import (
    GraphError,
    LeastRecentlyUsed,
    Module,
    Optimizer,
    Program,
    Value,
    flatten,
)
from fusegrad.graph.demand import Trainable
from fusegrad.graph.feed import Limit, index_limits
from fusegrad.training.feeding import Data
from fusegrad.training.home import Home
from fusegrad.training.objective import Objective
from fusegrad.training.pace import Paced
from fusegrad.training.row_data import Batch
from fusegrad.training.scoring import Scores
from fusegrad.training.summing import StepSums
from fusegrad.training.tracing import Traced, Tracer


@dataclass(frozen=True)
class Passes:
    """A traced model, the outputs that metrics judge, and the program that runs it."""

    traced: Traced
    judged: list[Value]
    program: Program

    @cached_property
    def limits(self) -> dict[str, list[Limit]]:
        """Where the integers of an input have to lie that are used as indices, by label."""
        found = index_limits(self.program.nodes)
        return {label: found[value] for label, value in self.traced.batch.named().items() if value in found}

    def check_limits(self, batch: Batch, first_row: int) -> None:
        """GraphError for an integer out of range in a batch of rows from `first_row` on."""
        arrays, values = batch.named(), self.traced.batch.named()
        for label, limits in self.limits.items():
            array = arrays[label].astype(values[label].dtype, copy=False)
            for limit in limits:
                try:
                    limit.check(label, array)
                except GraphError as error:
                    raise GraphError(f"{error}, in rows {first_row} .. {first_row + batch.size - 1}") from None


class Network:
    """A model with its losses, and a program for every purpose and shape of batch."""

    def __init__(
        self,
        model: Module,
        objective: Objective,
        optimizer: Optimizer,
        scores: Scores,
        home: Home,
        capture: bool,
        train: Trainable | None,
    ) -> None:
        self.tracer = Tracer(model, objective, home.dtype)
        self.optimizer, self.paced, self.scores, self.home = optimizer, Paced(optimizer), scores, home
        self.sums, self.capture, self.train = StepSums(scores, home), capture, train
        self.example: Batch | None = None
        self.forget()

    def forget(self) -> None:
        """Drop all programs."""
        self.training, self.stepping = LeastRecentlyUsed[Passes](), LeastRecentlyUsed[Passes]()
        self.evaluating, self.predicting = LeastRecentlyUsed[Passes](), LeastRecentlyUsed[Passes]()
        self.recent = LeastRecentlyUsed[Passes](warn_at=0)  # by arrays as they come: what a step asks

    def for_training(self, batch: Batch) -> Passes:
        """The program that makes the steps of a fit on batches like this one, and adds to its metrics."""
        return self.find(self.training, batch, self.make_training)

    def for_step(self, batch: Batch) -> Passes:
        """The program that makes a step which no metric is to see."""
        return self.find(self.stepping, batch, self.make_step)

    def for_evaluation(self, batch: Batch) -> Passes:
        """The program that computes the loss, and what metrics judge, without training."""
        return self.find(self.evaluating, batch, self.make_evaluation)

    def for_prediction(self, batch: Batch) -> Passes:
        """The program that computes all outputs; it needs no targets."""
        return self.find(self.predicting, Batch(batch.x), self.make_prediction)

    def prepare(self, data: Data, passes_of: Callable[[Batch], Passes]) -> None:
        """Plan for every size of batch, and check all integers that are used as indices; GraphError before any runs."""
        planned = [passes_of(batch) for batch in data.examples()]
        if any(passes.limits for passes in planned):
            for first_row, batch in data.in_order():
                passes_of(batch).check_limits(batch, first_row)

    def make_training(self, traced: Traced) -> Passes:
        judged = self.judged(traced)
        afterwards = self.sums.afterwards(traced.outputs, traced.batch.y, traced.batch.weight)
        return Passes(traced, judged, self.make_trained(traced, keep=judged, afterwards=afterwards))

    def make_step(self, traced: Traced) -> Passes:
        return Passes(traced, [], self.make_trained(traced))

    def make_trained(self, traced: Traced, **options: Any) -> Program:
        arrays, loss, arena = traced.batch.arrays(), loss_of(traced), self.home.found()
        program = Program(arrays, loss, arena, self.optimizer, train=self.train, **options)
        if self.capture and program.obstacle is None:
            program.capture()
        return program

    def make_evaluation(self, traced: Traced) -> Passes:
        judged = self.judged(traced)
        return Passes(traced, judged, Program(traced.batch.arrays(), [loss_of(traced), *judged], self.home.found()))

    def make_prediction(self, traced: Traced) -> Passes:
        return Passes(traced, [], Program(traced.batch.arrays(), flatten(traced.outputs), self.home.found()))

    def judged(self, traced: Traced) -> list[Value]:
        """The output that each metric reads; GraphError where it or its target is missing."""
        self.scores.targets(traced.batch.y)
        return self.scores.judged(traced.outputs)

    def update(self, scale: float) -> None:
        """Let the optimizer update from the gradients that are there, times `scale`."""
        latest = next(reversed(self.training.kept.values()))  # any would do: programs share gradients and state
        self.set_pace()
        latest.program.update(scale)

    def set_pace(self) -> None:
        """Let the next update have this trainer's learning rate.

        The state is found by the optimizer, which trainers may share; each runs it at a pace of its own.
        """
        self.home.found().optimizer_states[self.optimizer].optimizer = self.paced

    def judge(self, scores: Scores, predictions: Sequence[Any], batch: Batch) -> None:
        """Let metrics see what a program made of a batch, on the device where it is."""
        if not predictions:
            return
        backend = self.home.found().backend
        with backend.using_stream():
            weight = None if batch.weight is None else backend.asarray(batch.weight)
            scores.update(predictions, [backend.asarray(target) for target in scores.targets(batch.y)], weight)

    def find(self, kept: LeastRecentlyUsed[Passes], batch: Batch, make: Callable[[Traced], Passes]) -> Passes:
        """What was built for batches of these shapes and dtypes, or is built now."""
        if self.home.arena is not None:
            self.home.found()
        return self.recent.get((make, batch.signature()), lambda: self.planned(kept, self.tracer.specs(batch), make))

    def planned(self, kept: LeastRecentlyUsed[Passes], specs: Batch, make: Callable[[Traced], Passes]) -> Passes:
        """What serves all batches that are computed with these Specs."""
        return kept.get(tuple(specs.named().items()), lambda: self.build(specs, make))

    def build(self, specs: Batch, make: Callable[[Traced], Passes]) -> Passes:
        """Trace, plan and bind; where that fails, nothing has changed."""
        with self.unchanged_on_failure():
            traced = self.tracer.trace(specs)
            self.home.settle()
            passes = make(traced)
        self.tracer.seen = specs.named() | self.tracer.seen
        if self.example is None or (self.example.y is None and specs.y is not None):
            self.example = specs
        return passes

    def build_for(self, specs: Batch) -> None:
        """Make parameters, and optimizer state if there are targets, for batches of these Specs."""
        make = self.make_prediction if specs.y is None else self.make_training
        kept = self.predicting if specs.y is None else self.training
        if self.home.arena is None or (
            specs.y is not None and self.optimizer not in self.home.found().optimizer_states
        ):
            self.planned(kept, specs, make)

    @contextmanager
    def unchanged_on_failure(self) -> Iterator[None]:
        """If the body raises, the network is as it was before."""
        before, sums = (self.example, self.tracer.seen), dict(self.sums.arrays)
        try:
            with self.home.unchanged_on_failure():
                yield
        except BaseException:
            (self.example, self.tracer.seen), self.sums.arrays = before, sums
            if self.home.arena is None:
                self.forget()
            raise


def loss_of(traced: Traced) -> Value:
    if traced.loss is None:
        raise GraphError("y is missing: the loss needs targets")
    return traced.loss
