"""Data sets in the forms that `Trainer.fit` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import length_hint
from typing import TYPE_CHECKING, Any, TypeAlias

from fusegrad.training.checks import check_numbers, count_rows
from fusegrad.training.row_data import Batch, RowData
from fusegrad.training.structure import Structure, arranged, single

if TYPE_CHECKING:
    from fusegrad.training.augmented import AugmentedData

NOTHING: Sequence[Any] = ()
CheckTargets = Callable[[Structure], None]


class StreamData:
    """An iterable of batches `(x, y)` or `(x, y, weight)`; each is checked when it comes."""

    takes_time = False

    def __init__(self, source: Iterable[Any], dtype: str, check_targets: CheckTargets) -> None:
        if not isinstance(source, Iterable) or hasattr(source, "shape") or isinstance(source, dict | str):
            raise ValueError(f"y is missing: without it, x expects an iterable of batches, got {type(source).__name__}")
        self.source, self.dtype, self.check_targets = source, dtype, check_targets
        self.is_once_only = isinstance(source, Iterator)

    def __len__(self) -> int:
        """Batches of one epoch, 0 where the iterable does not tell."""
        return 0 if self.is_once_only else length_hint(self.source)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        for number, item in enumerate(self.source):
            if number >= start:
                yield self.checked(number, item)

    def checked(self, number: int, item: Any) -> Batch:
        if not isinstance(item, list | tuple) or len(item) not in (2, 3):
            raise ValueError(
                f"batch {number} expects (x, y) or (x, y, weight), got {type(item).__name__}; is y missing?"
            )
        try:
            return checked_batch(*item, dtype=self.dtype, check_targets=self.check_targets)
        except ValueError as error:
            raise ValueError(f"batch {number}: {error}") from None

    def examples(self) -> list[Batch]:
        return []

    def in_order(self) -> Iterator[tuple[int, Batch]]:
        """Nothing: a program checks each batch before it runs."""
        return iter(())

    def course(self) -> dict[str, Any]:
        """What is known of the batches of an epoch; see `Position`."""
        return {"batches": len(self), "rows": 0, "batch_size": 0, "shuffle": False, "drop_last": False}


Data: TypeAlias = "RowData | AugmentedData | StreamData"


def checked_batch(x: Any, y: Any, weight: Any = None, *, dtype: str, check_targets: CheckTargets) -> Batch:
    """One batch, of which everything but the range of labels is checked; a program checks that before it runs."""
    batch = Batch(arranged(x, "x"), arranged(y, "y"), None if weight is None else single(weight, "sample_weight"))
    count_rows(batch.x, batch.y, batch.weight)
    check_numbers(batch.x, batch.y, batch.weight, dtype)
    check_targets(batch.y)
    return batch


def as_data(
    x: Any,
    y: Any,
    weight: Any,
    epochs: int,
    *,
    dtype: str,
    batch_size: int,
    check_targets: CheckTargets,
    augment: Sequence[Any] = NOTHING,
    **options: Any,
) -> Data:
    """Arrays with targets, or an iterable of batches where there is no y."""
    if y is not None:
        data = RowData(x, y, weight, dtype=dtype, batch_size=batch_size, **options)
        check_targets(data.y)
        if augment is NOTHING:
            return data
        from fusegrad.training.augmented import with_augmentation  # here, since few scripts augment

        return with_augmentation(data, augment)
    if augment or options.get("sampler") is not None:
        raise ValueError("augment and sampler expect arrays x and y, got an iterable of batches")
    if weight is not None:
        raise ValueError("sample_weight goes with arrays x and y; batches bring their own: (x, y, weight)")
    stream = StreamData(x, dtype, check_targets)
    if stream.is_once_only and epochs > 1:
        raise ValueError(
            f"{type(x).__name__} can be gone through only once, not in {epochs} epochs; give a list of batches"
        )
    return stream


def as_validation(given: Any, epochs: int, **form: Any) -> Data:
    """`(x, y)` or `(x, y, weight)`, or an iterable of batches; `form` as `as_data` takes it."""
    forms = "(x, y) or (x, y, weight)"
    if not isinstance(given, tuple):
        if not isinstance(given, Iterable) or hasattr(given, "shape"):
            raise ValueError(f"validation expects {forms} or an iterable of batches, got {type(given).__name__}")
        return as_data(given, None, None, epochs, **form)
    if len(given) not in (2, 3):
        raise ValueError(f"validation expects {forms}, got a tuple of {len(given)}")
    if given[0] is None or given[1] is None:
        raise ValueError(f"validation expects {forms}, got {'x' if given[0] is None else 'y'} = None")
    x, y, weight = (*given, None)[:3]
    return as_data(x, y, weight, epochs, **form)
