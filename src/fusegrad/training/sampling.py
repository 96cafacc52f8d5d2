"""Which rows an epoch has, for classes of which some are rare."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend.permutation import permuted
from fusegrad.training.checks import whole_number


def class_weights(labels: Any) -> list[float]:
    """The weight of each class 0 .. classes-1 for a loss's `class_weight`: rows / (classes · rows of the class).

    With them every class counts alike, and a sample 1 on average.  Raises ValueError where a class has no row.
    """
    counts = counted(labels)
    return [float(weight) for weight in counts.sum() / (len(counts) * counts)]


class Balanced:
    """As many rows of every class in each epoch, or one more: those of rare classes again and again.

    Every class is gone through in an order of its own, which is drawn anew when it begins again; epochs go on where
    those before ended.  Which row is where is a function of the seed, the epoch and the place alone.

    Args:
        labels: the class of each row, integers 0 .. classes-1.
        rows: how many an epoch has; default: as many as there are labels.

    Raises ValueError where a class has no row.
    """

    def __init__(self, labels: Any, rows: int | None = None) -> None:
        counts = counted(labels)
        self.count = len(labels)
        self.rows = whole_number(self.count if rows is None else rows, "the rows of Balanced", least=1)
        order = np.argsort(labels, kind="stable")
        self.groups = np.split(order, np.cumsum(counts)[:-1])

    def at(self, places: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
        """The rows at these places of an epoch."""
        classes, found = len(self.groups), np.empty(len(places), "int64")
        turns = epoch * self.rows + places  # through all epochs, the classes take turns
        for label, group in enumerate(self.groups):
            own = np.flatnonzero(turns % classes == label)
            found[own] = group[in_turn(turns[own] // classes, len(group), seed, label, classes)]
        return found


def in_turn(numbers: NDArray[np.int64], count: int, seed: int, label: int, classes: int) -> NDArray[np.int64]:
    """Which of `count` rows the numbers of a class stand for: each once, then each once in another order, and so on."""
    chosen = np.empty_like(numbers)
    for round_ in np.unique(numbers // count):
        own = numbers // count == round_
        chosen[own] = permuted(numbers[own] % count, count, seed, int(round_) * classes + label)
    return chosen


def counted(labels: Any) -> NDArray[np.int64]:
    """Rows of each class."""
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size or array.min() < 0:
        raise ValueError(f"labels expect integers of at least 0, (rows,), got {array.dtype} {array.shape}")
    counts = np.bincount(array[array < array.size])  # there are no more classes than rows, if each has one
    most = int(array.max())
    if most >= array.size or not counts.all():
        missing = int(np.append(counts, 0).argmin())
        raise ValueError(f"labels expect a row of every class 0 .. {most}, got none of {missing}")
    return counts
