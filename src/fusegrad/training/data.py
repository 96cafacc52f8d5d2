"""Batches of rows in an order that is a pure function of seed and epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.training.checks import check_limits, check_numbers, count_rows, whole_number
from fusegrad.training.structure import Structure, arranged, leaves, mapped

NAMES = ("x", "y", "sample_weight")  # the parts of a batch, as errors call them


def batches(
    x: Any,
    y: Any = None,
    batch_size: int = 32,
    *,
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool = True,
    drop_last: bool = False,
) -> Iterator[Any]:
    """Batches of one epoch, `(x, y)` or, without y, `x`, in the order in which `Trainer.fit` takes them.

    Args:
        x, y: an array, a tuple of arrays, or a dict of them, with one row per sample.
        seed, epoch: decide the order, alone.

    Raises ValueError for data that is empty, not numeric or of different lengths.
    """
    data = RowData(x, y, batch_size=batch_size, seed=seed, shuffle=shuffle, drop_last=drop_last)
    for batch in data.batches(epoch):
        yield batch.x if y is None else (batch.x, batch.y)


def permutation(rows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of the rows in one epoch."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(rows)


@dataclass(frozen=True)
class Batch:
    """Arrays, Specs or Values for one step, in the forms that the user chose."""

    x: Structure
    y: Structure = None
    weight: Any = None

    def parts(self) -> tuple[Structure, Structure, Structure]:
        return self.x, self.y, self.weight

    def named(self) -> dict[str, Any]:
        """Everything by label, in the order in which programs take it."""
        pairs = [leaves(part, name) for part, name in zip(self.parts(), NAMES, strict=True)]
        return pairs[0] | pairs[1] | pairs[2]

    def arrays(self) -> list[Any]:
        return list(self.named().values())

    @property
    def size(self) -> int:
        return len(next(iter(leaves(self.x, "x").values())))

    @property
    def total_weight(self) -> float:
        """What the batch counts in a mean over batches: its samples, or their weights."""
        return float(self.size if self.weight is None else self.weight.sum(dtype="float64"))


class RowData:
    """A data set in arrays, of which each batch takes its rows; nothing else is copied.

    With `dtype`, numbers must be finite in it.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        weight: Any = None,
        *,
        batch_size: int = 32,
        seed: int = 0,
        shuffle: bool = False,
        drop_last: bool = False,
        dtype: str | None = None,
    ) -> None:
        self.x, self.y = arranged(x, "x"), None if y is None else arranged(y, "y")
        self.weight = None if weight is None else arranged(weight, "sample_weight")
        self.rows = count_rows(self.x, self.y, self.weight)
        self.batch_size = whole_number(batch_size, "batch_size", least=1)
        self.seed, self.shuffle, self.drop_last = seed, shuffle, drop_last
        if len(self) == 0:
            raise ValueError(f"drop_last leaves no batch of {batch_size} in {self.rows} rows")
        if dtype is not None:
            check_numbers(self.x, self.y, self.weight, dtype)

    def __len__(self) -> int:
        """Batches of one epoch."""
        return self.rows // self.batch_size if self.drop_last else -(-self.rows // self.batch_size)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on."""
        order = permutation(self.rows, self.seed, epoch) if self.shuffle else None
        for number in range(start, len(self)):
            own = slice(number * self.batch_size, (number + 1) * self.batch_size)
            yield self.take(own if order is None else order[own])

    def take(self, rows: Any) -> Batch:
        def pick(_: str, array: Any) -> Any:
            return array[rows]

        parts = zip((self.x, self.y, self.weight), NAMES, strict=True)
        return Batch(*(mapped(pick, part, name) for part, name in parts))

    def examples(self) -> list[Batch]:
        """One batch of each size that an epoch has."""
        sizes = dict.fromkeys((min(self.batch_size, self.rows), self.rows - (len(self) - 1) * self.batch_size))
        return [self.take(slice(0, size)) for size in sizes if size <= self.batch_size]

    def check_limits(self, limits: Iterable[dict[str, int]]) -> None:
        """ValueError for integers that are not below their limits, by label."""
        for by_label in limits:
            check_limits(self.x, "x", by_label)
            check_limits(self.y, "y", by_label)
