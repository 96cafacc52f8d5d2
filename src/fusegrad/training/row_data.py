"""Batches of rows in an order that is a pure function of seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusegrad.backend.permutation import permuted
from fusegrad.training.checks import SEEDS, check_numbers, count_rows, whole_number
from fusegrad.training.sampling import Balanced
from fusegrad.training.structure import Structure, arranged, items_of, leaves, picked, signature, single

NAMES = ("x", "y", "sample_weight")  # the parts of a batch, as errors call them


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
        return [*items_of(self.x), *items_of(self.y), *items_of(self.weight)]

    def signature(self) -> tuple[Any, Any, Any]:
        """Form, shapes and dtypes of all arrays, as a key."""
        return signature(self.x), signature(self.y), signature(self.weight)

    @property
    def size(self) -> int:
        return len(items_of(self.x)[0])

    @property
    def total_weight(self) -> float:
        """What the batch counts in a mean over batches: its samples, or their weights."""
        return float(self.size if self.weight is None else self.weight.sum(dtype="float64"))


class RowData:
    """A data set in arrays, of which each batch takes its rows; nothing else is copied.

    An epoch has every row once, or those that `sampler` says.  With `dtype`, numbers must be finite in it.
    """

    takes_time = False  # whether batches are worth a thread that makes them

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
        sampler: Balanced | None = None,
        dtype: str | None = None,
    ) -> None:
        self.x, self.y = arranged(x, "x"), None if y is None else arranged(y, "y")
        self.weight = None if weight is None else single(weight, "sample_weight")
        self.count = count_rows(self.x, self.y, self.weight)
        if sampler is not None and not isinstance(sampler, Balanced):
            raise ValueError(f"sampler expects fg.data.Balanced(labels), got {sampler!r}")
        if sampler is not None and sampler.count != self.count:
            raise ValueError(f"sampler expects {sampler.count} rows, as many as its labels, got {self.count}")
        self.sampler, self.rows = sampler, self.count if sampler is None else sampler.rows
        self.batch_size = whole_number(batch_size, "batch_size", least=1)
        self.seed = whole_number(seed, "seed", least=0, below=SEEDS)
        self.shuffle, self.drop_last = shuffle, drop_last
        if len(self) == 0:
            raise ValueError(f"drop_last leaves no batch of {batch_size} in {self.rows} rows")
        if dtype is not None:
            check_numbers(self.x, self.y, self.weight, dtype)

    def __len__(self) -> int:
        """Batches of one epoch."""
        return self.rows // self.batch_size if self.drop_last else -(-self.rows // self.batch_size)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on."""
        for rows in self.rows_of(epoch, range(start, len(self))):
            yield self.take(rows)

    def batch(self, epoch: int, number: int) -> Batch:
        """One batch of an epoch."""
        (rows,) = self.rows_of(epoch, range(number, number + 1))
        return self.take(rows)

    def weights_of(self, epoch: int, numbers: range) -> list[float]:
        """What these batches of an epoch count in a mean over batches."""
        if self.weight is None:
            return [float(min(self.batch_size, self.rows - number * self.batch_size)) for number in numbers]
        return [float(self.weight[rows].sum(dtype="float64")) for rows in self.rows_of(epoch, numbers)]

    def rows_of(self, epoch: int, numbers: range) -> Iterator[Any]:
        """The rows of successive batches of an epoch: their numbers, or slices."""
        for places in self.places_of(epoch, numbers):
            yield self.rows_at(places, epoch)

    def places_of(self, epoch: int, numbers: range) -> Iterator[Any]:
        """Which places of an epoch successive batches have, of those that `rows_at` knows: their numbers, or slices."""
        size = self.batch_size
        slices = [slice(number * size, min((number + 1) * size, self.rows)) for number in numbers]
        if not self.shuffle or not slices:
            yield from slices
            return
        first = slices[0].start
        order = permuted(np.arange(first, slices[-1].stop), self.rows, self.seed, epoch)
        for own in slices:
            yield order[own.start - first : own.stop - first]

    def rows_at(self, places: Any, epoch: int) -> Any:
        """The rows of the data at some places of an epoch: the same numbers, or those that the sampler says."""
        if self.sampler is None:
            return places
        return self.sampler.at(np.arange(self.rows)[places], self.seed, epoch)

    def take(self, rows: Any) -> Batch:
        return Batch(picked(self.x, rows), picked(self.y, rows), picked(self.weight, rows))

    def examples(self) -> list[Batch]:
        """One batch of each size that an epoch has."""
        sizes = dict.fromkeys((min(self.batch_size, self.rows), self.rows - (len(self) - 1) * self.batch_size))
        return [self.take(np.arange(size) % self.count) for size in sizes if size <= self.batch_size]

    def in_order(self) -> Iterator[tuple[int, Batch]]:
        """Batches of the sizes that an epoch has, which together have every row, and the numbers of their first rows.

        Where the last batch of an epoch may have any row, the last one here repeats some rather than be short.
        """
        size = min(self.batch_size, self.rows, self.count)
        for start in range(0, self.count, size):
            first = min(start, self.count - size) if self.drop_last or self.sampler else start
            yield first, self.take(slice(first, first + size))

    def course(self) -> dict[str, Any]:
        """What decides which rows the batches of an epoch have; see `Position`."""
        return {
            "batches": len(self),
            "rows": self.rows,
            "batch_size": self.batch_size,
            "shuffle": bool(self.shuffle),
            "drop_last": bool(self.drop_last),
        }
