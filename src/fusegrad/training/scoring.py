"""Metrics and the loss, summed over the batches of an epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fusegrad.graph import Value, flatten, require
from fusegrad.metrics import Metric, named
from fusegrad.training.structure import Structure, leaves

if TYPE_CHECKING:
    from fusegrad.training.steps import Steps
    from fusegrad.training.summing import StepSums


class Scores:
    """Metrics, each for one output and its target.

    Args:
        metrics: a metric, its name or a list of these, for the first output and target; or a dict of those by the name
            of an output, whose figures are then called `<output>_<metric>`.

    Raises ValueError for an unknown metric or if two have one name.
    """

    def __init__(self, metrics: Any) -> None:
        groups = metrics if isinstance(metrics, Mapping) else {None: metrics}
        self.metrics: dict[str, tuple[str | None, Metric]] = {}
        for output, group in groups.items():
            for metric in group if isinstance(group, list | tuple | set | Iterator) else [group]:
                self.include(output, copy.deepcopy(named(metric)))

    def include(self, output: str | None, metric: Metric) -> None:
        name = metric.name if output is None else f"{output}_{metric.name}"
        if name in self.metrics:
            raise ValueError(f'metrics expects different names, got "{name}" twice; give one of them name=')
        metric.reset()
        self.metrics[name] = (output, metric)

    @property
    def names(self) -> list[str]:
        return list(self.metrics)

    def maximises(self, name: str) -> bool:
        return name in self.metrics and self.metrics[name][1].maximise

    def fresh(self) -> Scores:
        """The same metrics with nothing summed yet."""
        other = copy.deepcopy(self)
        for _, metric in other.metrics.values():
            metric.reset()
        return other

    def only(self, chosen: Callable[[Metric], bool]) -> Scores:
        """Some of these very metrics."""
        other = copy.copy(self)
        other.metrics = {name: pair for name, pair in self.metrics.items() if chosen(pair[1])}
        return other

    def judged(self, outputs: Structure) -> list[Value]:
        """The output that each metric reads; GraphError where there is none of that name."""
        return [choose(outputs, output, "outputs") for output, _ in self.metrics.values()]

    def targets(self, targets: Structure) -> list[Any]:
        return [choose(targets, output, "targets") for output, _ in self.metrics.values()]

    def update(self, predictions: Iterable[Any], targets: Iterable[Any], weight: Any) -> None:
        """Add one batch: a prediction and a target for each metric."""
        for (_, metric), prediction, target in zip(self.metrics.values(), predictions, targets, strict=True):
            metric.update(prediction, target, weight)

    def results(self) -> dict[str, float]:
        return {name: float(metric.result()) for name, (_, metric) in self.metrics.items()}


def choose(structure: Structure, name: str | None, owner: str) -> Any:
    if name is None:
        return flatten(structure)[0] if owner == "outputs" else next(iter(leaves(structure, "y").values()))
    fits = isinstance(structure, Mapping) and name in structure
    require(fits, "a dict of metrics", f"{owner} with the name {name!r}", list(leaves(structure, owner)))
    return structure[name]


class Tally:
    """What the batches of an unfinished epoch have come to so far.

    Losses are read from the device some at a time: neither one by one, which would wait at every step, nor all at the
    end, which would keep as many as there are steps.  Metrics that steps do not add to by themselves are `apart`.
    """

    unread_limit = 32

    def __init__(self, scores: Scores) -> None:
        self.scores = self.apart = scores
        self.sums: StepSums | None = None
        self.loss, self.weight, self.samples, self.seconds = 0.0, 0.0, 0, 0.0
        self.unread: list[tuple[Any, float]] = []

    def leave_to_steps(self, sums: StepSums) -> None:
        """From now on let steps add to the metrics that they can, which have their sums when they are asked for."""
        sums.load(self.scores)
        self.sums = sums
        stepping = [metric for name, (_, metric) in self.scores.metrics.items() if name in sums.names]
        self.apart = self.scores.only(lambda metric: metric not in stepping)

    def add(self, steps: Steps) -> None:
        """Count some steps, or batches of an evaluation."""
        self.unread += zip(steps.losses, steps.weights, strict=True)
        self.samples += steps.samples
        if len(self.unread) >= self.unread_limit:
            self.read_losses()

    def read(self) -> None:
        """Take over from the device what it has."""
        self.read_losses()
        if self.sums is not None:
            self.sums.read(self.scores)

    def read_losses(self) -> None:
        for loss, weight in self.unread:
            self.loss += float(loss) * weight
            self.weight += weight
        self.unread.clear()

    def results(self) -> dict[str, float]:
        """The mean loss and the metrics."""
        self.read()
        mean = self.loss / self.weight if self.weight else 0.0
        return {"loss": mean} | self.scores.results()

    def state(self) -> dict[str, Any]:
        """All sums as plain values, exactly."""
        self.read()
        sums = {"loss": self.loss, "weight": self.weight, "samples": self.samples, "seconds": self.seconds}
        return sums | {"metrics": {name: metric.state() for name, (_, metric) in self.scores.metrics.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave; ValueError, KeyError or TypeError where it is not that."""
        self.loss, self.weight, self.seconds = (float(state[name]) for name in ("loss", "weight", "seconds"))
        self.samples = int(state["samples"])
        for name, sums in state["metrics"].items():
            if name in self.scores.metrics:
                self.scores.metrics[name][1].restore(sums)
