"""Figures of merit, summed over batches so that their result is that of all samples at once.

Shapes: prediction (batch, …), target as each class says, weight of samples (batch,) or None.  Arrays may be NumPy's or
CuPy's, all of one kind; sums stay where the arrays are until `result`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from fusegrad.errors import perhaps
from fusegrad.ops import r2, scoring

R2_SUMS = ("count", "mean", "spread", "error")


class Metric:
    """A figure that batches add to: `reset`, then `update` for each batch, then `result`.

    A subclass defines `update`, which adds to `sums`, and `result`, which reads them.  `maximise` says whether more is
    better.
    """

    name = "metric"
    maximise = False
    update: Callable[..., None]
    result: Callable[[], float]

    def __init__(self, name: str | None = None) -> None:
        self.name = name or self.name
        self.sums: dict[str, Any] = {}

    def check(self, prediction: Any, target: Any) -> None:
        """ValueError where arrays, or what has their shape and dtype, do not fit; by default all do."""

    def reset(self) -> None:
        self.sums = {}

    def add(self, **amounts: Any) -> None:
        self.sums = {key: self.sums.get(key, 0.0) + amount for key, amount in amounts.items()}

    def ratio(self) -> float:
        """sum / weight, or NaN before the first sample."""
        weight = float(self.sums.get("weight", 0.0))
        return float(self.sums["sum"]) / weight if weight else float("nan")

    def state(self) -> dict[str, Any]:
        """The sums as plain numbers, exactly."""
        return {key: amount.tolist() if hasattr(amount, "tolist") else amount for key, amount in self.sums.items()}

    def restore(self, state: dict[str, Any]) -> None:
        self.sums = dict(state)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Average(Metric):
    """The mean of a score per element; samples count by their weights."""

    score: Callable[..., Any]

    def update(self, prediction: Any, target: Any, weight: Any = None) -> None:
        total, count = scoring.weighted(self.score(prediction, target), weight)
        self.add(sum=total, weight=count)

    def result(self) -> float:
        return self.ratio()


class Accuracy(Average):
    """The share of right answers.

    Of logits (batch, …, classes): the largest one against labels (batch, …), or against the largest entry of targets
    (batch, …, classes).  Of single logits (batch,) or (batch, …, 1): logit > 0 against target > 0.5.
    Raises ValueError where shapes do not fit.
    """

    name = "accuracy"
    maximise = True

    def score(self, prediction: Any, target: Any) -> Any:
        self.check(prediction, target)
        return scoring.right(prediction, target)

    def check(self, prediction: Any, target: Any) -> None:
        if not scoring.is_single(prediction):
            require_labels(self, prediction, target)
        elif prod(prediction.shape) != prod(target.shape) or prediction.shape[0] != target.shape[0]:
            require_shape(self, prediction, target)


class TopK(Average):
    """The share of samples whose true class is among the `k` largest logits (batch, …, classes); a tie counts against.

    Targets as for `Accuracy`.  Raises ValueError for k < 1 and where shapes do not fit.
    """

    name = "top_k"
    maximise = True

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(name)
        if k < 1:
            raise ValueError(f"TopK expects k of at least 1, got {k}")
        self.k = k

    def score(self, prediction: Any, target: Any) -> Any:
        self.check(prediction, target)
        return scoring.among_largest(prediction, target, self.k)

    def check(self, prediction: Any, target: Any) -> None:
        require_labels(self, prediction, target)


class MAE(Average):
    """The mean of |prediction - target|, of equal shapes.  Raises ValueError where they differ."""

    name = "mae"

    def score(self, prediction: Any, target: Any) -> Any:
        self.check(prediction, target)
        return scoring.distance(prediction, target)

    def check(self, prediction: Any, target: Any) -> None:
        require_shape(self, prediction, target)


class R2(Metric):
    """R² = 1 - Σ w (prediction - target)² / Σ w (target - mean)², averaged over columns; (batch, …) of equal shapes.

    A column whose target never varies gives 1 for a perfect prediction and 0 otherwise, as in scikit-learn.
    Raises ValueError where shapes differ.
    """

    name = "r2"
    maximise = True

    def update(self, prediction: Any, target: Any, weight: Any = None) -> None:
        self.check(prediction, target)
        sums = r2.moments(prediction, target, weight)
        if self.sums:
            sums = r2.merged([np.asarray(self.sums[name], like=sums[1]) for name in R2_SUMS], sums)
        self.sums = dict(zip(R2_SUMS, sums, strict=True))

    def check(self, prediction: Any, target: Any) -> None:
        require_shape(self, prediction, target)

    def result(self) -> float:
        state = self.state()
        if not np.any(state.get("count", 0.0)):
            return float("nan")
        columns = zip(state["error"], state["spread"], strict=True)
        return float(np.mean([1 - error / spread if spread else float(error == 0) for error, spread in columns]))


METRICS: dict[str, Callable[[], Metric]] = {"accuracy": Accuracy, "top_k": TopK, "mae": MAE, "r2": R2}


def named(metric: str | Metric) -> Metric:
    """The metric of that name, or the metric itself; ValueError for an unknown name and for what is no metric."""
    if isinstance(metric, Metric):
        return metric
    if not isinstance(metric, str):
        hint = f"the class {metric.__name__}; pass {metric.__name__}()" if isinstance(metric, type) else repr(metric)
        raise ValueError(f"metrics expects names or objects of fusegrad.metrics, got {hint}")
    if metric not in METRICS:
        raise ValueError(f'unknown metric "{metric}"{perhaps(metric, METRICS)}')
    return METRICS[metric]()


def require_labels(metric: Metric, prediction: Any, target: Any) -> None:
    """ValueError unless the target is labels (batch, …) or numbers (batch, …, classes) for such logits."""
    dense = len(target.shape) == len(prediction.shape)
    fits = dense or np.dtype(target.dtype).kind in "iu"
    if not fits or target.shape != (prediction.shape if dense else prediction.shape[:-1]):
        raise ValueError(
            f"{metric} expects labels or distributions for logits {prediction.shape}, got {target.shape} {target.dtype}"
        )


def require_shape(metric: Metric, prediction: Any, target: Any) -> None:
    if prediction.shape != target.shape:
        raise ValueError(f"{metric} expects targets of the predictions' shape {prediction.shape}, got {target.shape}")
