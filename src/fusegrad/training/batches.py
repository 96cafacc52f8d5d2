"""The batches of an epoch, for loops of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fusegrad.training.augmented import with_augmentation
from fusegrad.training.checks import SEEDS, whole_number
from fusegrad.training.row_data import RowData
from fusegrad.training.sampling import Balanced


def batches(
    x: Any,
    y: Any = None,
    batch_size: int = 32,
    *,
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool = True,
    drop_last: bool = False,
    sampler: Balanced | None = None,
    augment: Sequence[Any] = (),
) -> Iterator[Any]:
    """Batches of one epoch, `(x, y)` or, without y, `x`, in the order in which `Trainer.fit` takes them.

    Args:
        x, y: an array, a tuple of arrays, or a dict of them, with one row per sample.
        seed, epoch: decide the order, and what augmentation draws, alone; integers in 0 .. 2⁶⁴-1.
        sampler, augment: as for `Trainer.fit`.

    Raises ValueError for data that is empty, not numeric or of different lengths, and for other wrong arguments.
    """
    rows = RowData(x, y, batch_size=batch_size, seed=seed, shuffle=shuffle, drop_last=drop_last, sampler=sampler)
    number = whole_number(epoch, "epoch", least=0, below=SEEDS)
    made = with_augmentation(rows, augment).batches(number)
    return (batch.x if y is None else (batch.x, batch.y) for batch in made)
