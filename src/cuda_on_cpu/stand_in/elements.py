"""Elements of arrays by their index: views, copies and assignments."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuda_on_cpu.stand_in.evaluation import host_value, rearranged
from cuda_on_cpu.stand_in.marks import require_written, written_elements
from cuda_on_cpu.stand_in.memory import all_written


def host_index(array: Any, index: Any) -> Any:
    """An index as NumPy takes it; arrays of the device in it must have been written."""
    if isinstance(index, tuple):
        return tuple(host_index(array, part) for part in index)
    if not isinstance(index, array.stand_in.ndarray):
        return index
    require_written(index, "an index")
    return host_value(array.stand_in, index)


def selected(array: Any, index: Any) -> Any:
    index = host_index(array, index)
    parts = index if isinstance(index, tuple) else (index,)
    # With an ellipsis NumPy gives a view without axes, as CuPy does, where it would give a number.
    parts = parts if any(part is ... for part in parts) else (*parts, ...)
    return rearranged(array, lambda host: host[parts])


def assign(array: Any, index: Any, value: Any, name: str) -> None:
    """Copy an array of the device, or a number, over elements, converting and broadcasting."""
    stand_in = array.stand_in
    parts = index if isinstance(index, tuple) else (index,)
    is_view = all(is_basic(part) for part in parts)
    if is_view:
        parts = parts if any(part is ... for part in parts) else (*parts, ...)
        array, parts = array.seen_as(array.host[parts]), (...,)
    if stand_in.is_recording():
        if not is_view:
            stand_in.refuse_allocation(f"{name} by an index of arrays")
        with np.errstate(all="ignore"):
            array.host.copy()[...] = host_value(stand_in, value)  # refuses now what would fail at each launch
    read = [(part, False) for part in (*parts, value) if isinstance(part, stand_in.ndarray)]
    stand_in.submit(name, assigned, (array, parts, value), [(array, True), *read])


def is_basic(part: Any) -> bool:
    """Whether NumPy gives a view for an index that is made of such parts."""
    return part is None or part is ... or (isinstance(part, int | np.integer | slice) and not isinstance(part, bool))


def assigned(array: Any, index: Any, value: Any) -> None:
    index = host_index(array, index)
    with np.errstate(all="ignore"):
        array.host[index] = host_value(array.stand_in, value)
    marks = array.memory.marks(array.host)
    if marks is not None:
        written = written_elements(value) if isinstance(value, array.stand_in.ndarray) else True
        marks[index] = np.multiply(written, all_written(array.itemsize), dtype=marks.dtype)


def copied(array: Any, dtype: np.dtype[Any], name: str) -> Any:
    with array.stand_in.silence():
        new = array.stand_in.empty(array.shape, dtype)
    assign(new, ..., array, name)
    return new
