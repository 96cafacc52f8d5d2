"""Figures of merit, summed over batches so that their result is that of all samples at once.

Shapes: prediction (batch, …), target as each class says, weight of samples (batch,) or None.  Arrays may be NumPy's or
CuPy's, all of one kind; sums stay where the arrays are until `result`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fusegrad.errors import perhaps


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
        scores = self.score(prediction, target)
        per_sample = scores.reshape(len(scores), -1).astype("float64").mean(1)
        if weight is None:
            self.add(sum=per_sample.sum(), weight=float(len(per_sample)))
        else:
            self.add(sum=(per_sample * weight).sum(), weight=weight.sum(dtype="float64"))

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
        if prediction.ndim == 1 or prediction.shape[-1] == 1:
            logits, answers = (array.reshape(len(array), -1) for array in (prediction, target))
            if logits.shape != answers.shape:
                require_shape(self, prediction, target)
            return (logits > 0) == (answers > 0.5)
        labels = labels_of(self, prediction, target)
        return prediction.argmax(-1) == labels


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
        labels = labels_of(self, prediction, target)
        own = np.take_along_axis(prediction, labels[..., None], -1)
        # Not `prediction > own`: comparisons with NaN are false, and a network of NaN must not look perfect.
        before = (~(prediction < own)).sum(-1) - 1
        return before < self.k


class MAE(Average):
    """The mean of |prediction - target|, of equal shapes.  Raises ValueError where they differ."""

    name = "mae"

    def score(self, prediction: Any, target: Any) -> Any:
        require_shape(self, prediction, target)
        return abs(prediction.astype("float64") - target)


class R2(Metric):
    """R² = 1 - Σ w (prediction - target)² / Σ w (target - mean)², averaged over columns; (batch, …) of equal shapes.

    A column whose target never varies gives 1 for a perfect prediction and 0 otherwise, as in scikit-learn.
    Raises ValueError where shapes differ.
    """

    name = "r2"
    maximise = True

    def update(self, prediction: Any, target: Any, weight: Any = None) -> None:
        require_shape(self, prediction, target)
        t = target.reshape(len(target), -1).astype("float64")
        error = prediction.reshape(len(t), -1) - t
        w = np.ones_like(t[:, :1]) if weight is None else weight.reshape(-1, 1).astype("float64")
        count = w.sum()
        mean = (w * t).sum(0) / np.maximum(count, np.finfo("float64").tiny)
        self.merge(count, mean, (w * (t - mean) ** 2).sum(0), (w * error**2).sum(0))

    def merge(self, count: Any, mean: Any, spread: Any, error: Any) -> None:
        """Add a batch to the sums.  Σ t² - (Σ t)² / n would cancel; see Chan, Golub and LeVeque, 1979."""
        if self.sums:
            old = {key: np.asarray(value, like=mean) for key, value in self.sums.items()}
            total = np.maximum(old["count"] + count, np.finfo("float64").tiny)
            shift = mean - old["mean"]
            spread = old["spread"] + spread + shift**2 * (old["count"] * count / total)
            mean, count, error = old["mean"] + shift * (count / total), old["count"] + count, old["error"] + error
        self.sums = {"count": count, "mean": mean, "spread": spread, "error": error}

    def result(self) -> float:
        if not self.sums:
            return float("nan")
        state = self.state()
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


def labels_of(metric: Metric, prediction: Any, target: Any) -> Any:
    """Integer labels (batch, …) from labels, or from distributions over the classes."""
    labels = target.argmax(-1) if target.ndim == prediction.ndim else target
    fits = labels.shape == prediction.shape[:-1] and labels.dtype.kind in "iu"
    if not fits or (target.ndim == prediction.ndim and target.shape != prediction.shape):
        raise ValueError(
            f"{metric} expects labels or distributions for logits {prediction.shape}, got {target.shape} {target.dtype}"
        )
    return labels


def require_shape(metric: Metric, prediction: Any, target: Any) -> None:
    if prediction.shape != target.shape:
        raise ValueError(f"{metric} expects targets of the predictions' shape {prediction.shape}, got {target.shape}")
