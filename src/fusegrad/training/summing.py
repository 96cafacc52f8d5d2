"""Sums of metrics that training steps add to by themselves, where they compute."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from fusegrad.graph import Value, require
from fusegrad.metrics import MAE, R2, R2_SUMS, Accuracy, Metric, TopK
from fusegrad.ops import Op, r2, scoring
from fusegrad.training.home import Home
from fusegrad.training.scoring import Scores

AVERAGE_SUMS = ("sum", "weight")


@dataclass(frozen=True)
class Rule:
    """The op that adds a batch to the array of a metric's sums, and their names, one for each of its rows."""

    op: Op
    names: tuple[str, ...]


RULES = {  # of these classes alone: one that is derived from them may judge otherwise
    Accuracy: Rule(scoring.accuracy, AVERAGE_SUMS),
    TopK: Rule(scoring.top_k, AVERAGE_SUMS),
    MAE: Rule(scoring.absolute_error, AVERAGE_SUMS),
    R2: Rule(r2.add, R2_SUMS),
}


class StepSums:
    """The arrays of sums of all metrics that have a rule; the programs of a network share them."""

    def __init__(self, scores: Scores, home: Home) -> None:
        self.scores, self.home = scores.only(lambda metric: type(metric) in RULES), home
        self.arrays: dict[str, Any] = {}

    @property
    def names(self) -> list[str]:
        return self.scores.names

    def afterwards(self, outputs: Any, targets: Any, weight: Value | None) -> list[tuple[Op, tuple[Any, ...]]]:
        """What a program is to run at the end of its steps; ValueError where a target does not fit its metric."""
        pairs = zip(self.scores.judged(outputs), self.scores.targets(targets), strict=True)
        calls = []
        for (name, (_, metric)), (prediction, target) in zip(self.scores.metrics.items(), pairs, strict=True):
            metric.check(prediction, target)
            options = (metric.k,) if isinstance(metric, TopK) else ()
            sums = self.array(name, metric, prediction)
            calls.append((RULES[type(metric)].op, (prediction, target, weight, sums, *options)))
        return calls

    def array(self, name: str, metric: Metric, prediction: Value) -> Any:
        """The sums of a metric, zeros at first; R² has them for every column."""
        names = RULES[type(metric)].names
        shape = (len(names), prod(prediction.shape[1:])) if isinstance(metric, R2) else (len(names),)
        if name not in self.arrays:
            self.arrays[name] = self.home.found().backend.zeros(shape, "float64")
        known = self.arrays[name].shape
        require(known == shape, name, f"{known[-1]} numbers of each sample, as in earlier batches", shape[-1])
        return self.arrays[name]

    def load(self, scores: Scores) -> None:
        """Go on from the sums of these metrics."""
        for name, array in self.arrays.items():
            metric = scores.metrics[name][1]
            known, host = metric.state(), np.zeros(array.shape)
            for row, sum_name in enumerate(RULES[type(metric)].names):
                host[row] = known.get(sum_name, 0.0)
            self.home.found().backend.copy_in(array, host)

    def read(self, scores: Scores) -> None:
        """Let these metrics have the sums, after all steps so far."""
        for name, array in self.arrays.items():
            metric = scores.metrics[name][1]
            rows = self.home.found().backend.to_numpy(array).tolist()
            metric.restore(dict(zip(RULES[type(metric)].names, rows, strict=True)))
