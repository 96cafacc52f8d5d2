"""What the floors above ask of a backend: arrays in its memory, copies to and from the host, the order of its work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Shape = int | tuple[int, ...]
Feed = Callable[[Sequence[Any]], None]


class Backend(ABC):
    """Where arrays live and operations run.

    `xp` is the array module, NumPy or CuPy.  `evaluator` says by what loops over elements run: "numpy", "numba" or
    "cuda".  `alignment` is the number of bytes at whose multiples `empty` and `zeros` start, and at which a planner
    should place arrays inside them.
    """

    name: str
    evaluator: str
    alignment: int
    xp: Any

    @abstractmethod
    def empty(self, shape: Shape, dtype: DTypeLike) -> Any:
        """A new array of unspecified values, in C order."""

    @abstractmethod
    def zeros(self, shape: Shape, dtype: DTypeLike) -> Any:
        """A new array of zeros, in C order."""

    @abstractmethod
    def asarray(self, array: Any, dtype: DTypeLike | None = None) -> Any:
        """`array`, from host or device, as an array of this backend; itself where it is one of that dtype already."""

    @abstractmethod
    def to_numpy(self, array: Any) -> NDArray[Any]:
        """A fresh copy on the host, made after all work on `array` queued so far."""

    def number(self, array: Any) -> float:
        """The value of a 0-d array, after all work on it queued so far."""
        return float(self.to_numpy(array))

    @abstractmethod
    def copy_in(self, destination: Any, source: Any) -> None:
        """Copy `source`, from host or device, over a C-contiguous array of this backend, converting the dtype.

        Raises ValueError unless the shapes are equal, and TypeError where the conversion would change the kind of
        number.
        """

    @abstractmethod
    def feeder(self, destinations: Sequence[Any]) -> Feed:
        """A function that copies a list of arrays, from host or device, to the first of these contiguous arrays.

        It works in this backend's order, and leaves the sources to the caller, who may overwrite them.
        """

    def capture(self, calls: Sequence[Callable[[], None]]) -> Callable[[], None]:
        """The calls, bound launches that have run before, as one call: on a GPU one launch of a CUDA graph."""
        return partial(self.run, list(calls))

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until all work queued so far is done."""

    @abstractmethod
    def using_stream(self) -> AbstractContextManager[None]:
        """Queue the work of the body in this backend's order: after the caller's work so far, before what follows."""

    def run(self, calls: Sequence[Callable[[], None]]) -> None:
        """Make the calls one after the other, in this backend's order."""
        with self.using_stream():
            for call in calls:
                call()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def check_copy(destination: Any, source: Any) -> None:
    """Raise unless `source` can be copied over `destination`."""
    if destination.shape != source.shape:
        raise ValueError(f"copy_in expects an array of shape {destination.shape}, got {source.shape}")
    if source.dtype is not destination.dtype and not np.can_cast(source.dtype, destination.dtype, "same_kind"):
        raise TypeError(f"copy_in expects an array that converts to {destination.dtype}, got {source.dtype}")
