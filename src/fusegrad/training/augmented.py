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
from fusegrad.training.structure import leaves


class AugmentedData:
    """The batches of `source` after all transformations, in turn; see `augmentation` for what these are.

    Raises ValueError unless x is one floating-point array of images, (rows, channels, height, width), of the host, for
    what is no transformation, and for labels that cannot be mixed.
    """

    takes_time = True

    def __init__(self, source: RowData, transformations: Sequence[Any]) -> None:
        check_transformations(transformations, source.y)
        x = source.x
        if not isinstance(x, np.ndarray) or x.ndim != 4 or x.dtype.kind != "f":
            got = f"{x.dtype} {x.shape}" if hasattr(x, "shape") else f"a {type(x).__name__} of arrays"
            raise ValueError(f"augment expects x (rows, channels, height, width) of floats on the host, got {got}")
        self.source, self.transformations = source, list(transformations)

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on."""
        for places in self.source.places_of(epoch, range(start, len(self))):
            samples = np.arange(self.source.rows)[places] if isinstance(places, slice) else places
            yield self.transformed(samples, self.source.rows_at(samples, epoch), epoch, self.transformations)

    def transformed(self, samples: Any, rows: Any, epoch: int, transformations: Sequence[Any]) -> Batch:
        """These rows after the given transformations, the first of all that there are, with the draws of `samples`."""
        batch = self.source.take(rows)
        for number, transformation in enumerate(transformations):
            draws = Draws(samples, self.source.seed, epoch, number)
            if isinstance(transformation, Mixup):
                batch = transformation.mix(batch, draws, self.source.count, self.before(number, epoch))
            else:
                batch = replace(batch, x=changed(batch.x, draws, transformation))
        return batch

    def before(self, number: int, epoch: int) -> Any:
        """What gives samples as they are before the transformation of this number."""

        def others(rows: NDArray[np.int64]) -> Batch:
            return self.transformed(rows, rows, epoch, self.transformations[:number])

        return others

    def examples(self) -> list[Batch]:
        """One batch of each size that an epoch has."""
        samples = [np.arange(batch.size) % self.source.count for batch in self.source.examples()]
        return [self.transformed(rows, rows, 0, self.transformations) for rows in samples]

    def in_order(self) -> Iterator[tuple[int, Batch]]:
        """All targets with the images of an example, since only targets are looked at; none where they are mixed."""
        if any(isinstance(item, Mixup) for item in self.transformations):
            return
        shown = {batch.size: batch.x for batch in self.examples()}
        for first, batch in self.source.in_order():
            yield first, replace(batch, x=shown[batch.size])

    def course(self) -> dict[str, Any]:
        return self.source.course()


def with_augmentation(data: RowData, transformations: Sequence[Any]) -> RowData | AugmentedData:
    """The data itself where nothing is to be done to it."""
    return AugmentedData(data, transformations) if transformations else data


def check_transformations(transformations: Sequence[Any], y: Any) -> None:
    """ValueError unless these are transformations that can be applied in turn to images with these targets."""
    if not isinstance(transformations, list | tuple):
        raise ValueError(f"augment expects a list of transformations such as [fg.data.Flip()], got {transformations!r}")
    for item in transformations:
        if isinstance(item, type) or not (callable(item) or isinstance(item, Mixup)):
            raise ValueError(f"augment expects transformations such as fg.data.Flip(), got {item!r}")
    mixing = [item for item in transformations if isinstance(item, Mixup)]
    if len(mixing) > 1:
        raise ValueError(f"augment expects one Mixup at most, got {len(mixing)}")
    for item in mixing:
        item.check(y)
    moving = [item for item in transformations if getattr(item, "moves", False)]
    for label, target in leaves(y, "y").items():
        if moving and target.ndim > 2:
            raise ValueError(f"augment moves pixels by {moving[0]}, but not those of {label} {target.shape}")


def changed(images: NDArray[Any], draws: Draws, transformation: Any) -> Any:
    """The images after one transformation; ValueError where these are not as many."""
    found = transformation(images, draws)
    if not isinstance(found, np.ndarray) or found.ndim != 4 or len(found) != len(images):
        name = getattr(transformation, "__name__", transformation)
        got = getattr(found, "shape", type(found).__name__)
        raise ValueError(f"{name} expects to return images, ({len(images)}, channels, height, width), got {got}")
    return found
