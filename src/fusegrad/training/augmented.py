"""Arrays whose rows are changed at random when a batch takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.training.draws import Draws
from fusegrad.training.mixup import Mixup
from fusegrad.training.row_data import Batch, RowData


class AugmentedData:
    """The batches of `source` after all transformations, in turn; see `augmentation` for what these are.

    Raises ValueError unless x is one floating-point array of images, (rows, channels, height, width), of the host.
    """

    def __init__(self, source: RowData, transformations: Sequence[Any]) -> None:
        for item in transformations:
            if not callable(item) and not isinstance(item, Mixup):
                raise ValueError(f"augment expects transformations such as fg.data.Flip(), got {item!r}")
        x = source.x
        if not isinstance(x, np.ndarray) or x.ndim != 4 or x.dtype.kind != "f":
            got = f"{x.dtype} {x.shape}" if hasattr(x, "shape") else f"a {type(x).__name__} of arrays"
            raise ValueError(f"augment expects x (rows, channels, height, width) of floats on the host, got {got}")
        self.source, self.transformations = source, list(transformations)

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on."""
        for rows in self.source.rows_of(epoch, range(start, len(self))):
            yield self.transformed(rows, epoch, self.transformations)

    def transformed(self, rows: Any, epoch: int, transformations: Sequence[Any]) -> Batch:
        """These rows after the given transformations, the first of all that there are."""
        numbers = np.arange(self.source.count)[rows] if isinstance(rows, slice) else rows
        batch = self.source.take(numbers)
        for number, transformation in enumerate(transformations):
            draws = Draws(numbers, self.source.seed, epoch, number)
            if isinstance(transformation, Mixup):
                batch = transformation.mix(batch, draws, self.source.count, self.before(number, epoch))
            else:
                batch = replace(batch, x=transformation(batch.x, draws))
        return batch

    def before(self, number: int, epoch: int) -> Any:
        """What gives samples as they are before the transformation of this number."""

        def others(rows: NDArray[np.int64]) -> Batch:
            return self.transformed(rows, epoch, self.transformations[:number])

        return others

    def examples(self) -> list[Batch]:
        """One batch of each size that an epoch has."""
        sizes = [batch.size for batch in self.source.examples()]
        return [self.transformed(slice(0, size), 0, self.transformations) for size in sizes]

    def in_order(self) -> Iterator[tuple[int, Batch]]:
        """All targets with the images of an example, since only targets are looked at."""
        shown = {batch.size: batch for batch in self.examples()}
        for first, batch in self.source.in_order():
            example = shown[batch.size]
            if example.y is None or example.y.dtype == batch.y.dtype:
                yield first, replace(batch, x=example.x)

    def course(self) -> dict[str, Any]:
        return self.source.course()


def with_augmentation(data: RowData, transformations: Sequence[Any]) -> RowData | AugmentedData:
    """The data itself where nothing is to be done to it."""
    return AugmentedData(data, transformations) if transformations else data
