"""Which elements of an array something wrote: questions and notes on the marks of its memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.memory import all_written


def written_elements(array: Any) -> NDArray[np.bool_] | bool:
    """True where all bytes of an element were written; True alone where nobody tracks it."""
    marks = array.memory.marks(array.host)
    return True if marks is None else marks == all_written(array.itemsize)


def mark_written(array: Any, elements: Any = True) -> None:
    """Note that the elements of an array, or those where `elements` is true, were written and the others were not."""
    marks = array.memory.marks(array.host)
    if marks is not None:
        marks[...] = np.multiply(elements, all_written(array.itemsize), dtype=marks.dtype)


def first_unwritten(array: Any) -> tuple[int, ...] | None:
    """The index of the first element that nothing wrote, in C order."""
    written = np.asarray(written_elements(array))
    if written.all():
        return None
    return tuple(int(i) for i in np.unravel_index(int(np.argmin(written)), array.shape))


def require_written(array: Any, reader: str) -> None:
    index = first_unwritten(array)
    if index is not None:
        raise LaunchError(
            f"{reader} reads element {index} of an array of {array.dtype} and shape {array.shape}, "
            "which nothing ever wrote"
        )
