"""Mixtures of samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.training.checks import whole_number
from fusegrad.training.draws import Draws
from fusegrad.training.row_data import Batch

PIECES = 4096  # of the table of a distribution


class Mixup:
    """Mixes each sample with another of the data set: λ x + (1 - λ) x', and likewise the distributions of classes.

    λ ~ Beta(alpha, alpha) (Zhang et al., 2018, arXiv:1710.09412).  Labels (batch,) become distributions (batch,
    classes), float32.  Raises ValueError unless 0 < alpha < inf, and for labels outside 0 .. classes-1.
    """

    def __init__(self, alpha: float, classes: int) -> None:
        if not isinstance(alpha, int | float | np.number) or not 0 < alpha < inf:
            raise ValueError(f"Mixup expects a finite alpha above 0, got {alpha!r}")
        self.alpha, self.classes = float(alpha), whole_number(classes, "the classes of Mixup", least=2)

    def check(self, labels: Any) -> None:
        """ValueError unless these are labels of all rows of a data set, in 0 .. classes-1."""
        if not hasattr(labels, "dtype") or labels.ndim != 1 or labels.dtype.kind not in "iu":
            got = f"{labels.dtype} {labels.shape}" if hasattr(labels, "dtype") else type(labels).__name__
            raise ValueError(f"Mixup expects y of labels (rows,), integers, got {got}")
        if labels.min() < 0 or labels.max() >= self.classes:
            raise ValueError(f"Mixup expects labels in 0 .. {self.classes - 1}, got {labels.min()} .. {labels.max()}")

    def mix(self, batch: Batch, draws: Draws, rows: int, others: Callable[[NDArray[np.int64]], Batch]) -> Batch:
        """The mixed batch; `others` gives samples of the data set, of so many `rows`, as they were before mixing."""
        which, level = draws.uniform(2).T
        other = others(np.floor(which * rows).astype("int64"))
        share = self.shares(level)
        mixed = blend(batch.x, other.x, share), blend(self.distribution(batch.y), self.distribution(other.y), share)
        return replace(batch, x=mixed[0], y=mixed[1])

    def distribution(self, labels: NDArray[Any]) -> Any:
        return np.eye(self.classes, dtype="float32")[labels]

    def shares(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """λ where its distribution function has the given level: of its lower half by a table, else by symmetry."""
        lower = np.minimum(level, 1 - level)
        share = np.interp(lower, *self.table)
        return np.where(level < 0.5, share, 1 - share)

    @cached_property
    def table(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Levels up to 1/2, and λ there.

        In v = λ^min(alpha, 1) the density is finite, so that the trapezoidal rule holds: it is (1 - λ)^(alpha - 1) for
        alpha < 1, else (λ (1 - λ))^(alpha - 1), here with the maximum 1.
        """
        power = min(self.alpha, 1.0)
        v = np.linspace(0, 0.5**power, PIECES + 1)
        share = v ** (1 / power)
        density = (1 - share if power < 1 else 4 * share * (1 - share)) ** (self.alpha - 1)
        level = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        return level / level[-1] / 2, share

    def __repr__(self) -> str:
        return f"Mixup({self.alpha}, {self.classes})"


def blend(x: Any, other: Any, share: NDArray[np.float64]) -> Any:
    weight = share.astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
    return weight * x + (1 - weight) * other
