"""Functions of CuPy evaluated by NumPy on the memory of the stand-in, with CuPy's refusals.

What moves elements carries along whether they were written; what computes refuses elements that were not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cuda_on_cpu.stand_in.marks import mark_written, require_written, written_elements
from cuda_on_cpu.stand_in.memory import all_written

NUMBERS = (bool, int, float, np.generic)
METHODS = ("__call__", "reduce", "accumulate", "outer")


def host_value(stand_in: Any, value: Any) -> Any:
    """An operand as NumPy takes it; TypeError for what CuPy does not take, such as lists and arrays of the host."""
    if isinstance(value, stand_in.ndarray):
        if value.stand_in is not stand_in:
            raise TypeError("arrays of two stand-ins cannot be used together")
        return value.host
    if value is None or isinstance(value, NUMBERS):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def host_option(stand_in: Any, value: Any) -> Any:
    """An argument other than an operand, such as an axis or a dtype, as NumPy takes it."""
    if isinstance(value, stand_in.ndarray | np.ndarray | list):
        return host_value(stand_in, value)
    return value


def evaluate_ufunc(stand_in: Any, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any) -> Any:
    """What CuPy does for a ufunc of NumPy on its arrays, and for its own of the same name."""
    if method not in METHODS:
        raise TypeError(f"the stand-in for cupy has no {ufunc.__name__}.{method}")
    if method == "__call__":
        for value in inputs:
            host_value(stand_in, value)
        if "where" in options and options.get("out") is None:
            raise TypeError(f"{ufunc.__name__} with where expects out: what is left out would be of any value")
    return evaluate(stand_in, ufunc.__name__, getattr(ufunc, method), inputs, options)


def evaluate(stand_in: Any, name: str, function: Callable[..., Any], inputs: tuple[Any, ...], options: Any) -> Any:
    """`function` of operands that were written; the arrays `out` where they are given, else new ones."""
    options = dict(options)
    out = options.pop("out", None)
    outputs = () if out is None else out if isinstance(out, tuple) else (out,)
    for value in (*inputs, *options.values()):
        if isinstance(value, stand_in.ndarray):
            require_written(value, name)
    operands = [host_option(stand_in, value) for value in inputs]
    options = {key: host_option(stand_in, value) for key, value in options.items()}
    if outputs:
        hosts = tuple(None if value is None else host_output(stand_in, value) for value in outputs)
        options["out"] = hosts if isinstance(out, tuple) else hosts[0]
    with np.errstate(all="ignore"):  # a GPU does not warn
        result = function(*operands, **options)
    stand_in.queue(name)
    note_outputs(outputs, options.get("where", True))
    return out_or_new(stand_in, outputs, result)


def host_output(stand_in: Any, value: Any) -> Any:
    if not isinstance(value, stand_in.ndarray):
        raise TypeError(f"out expects an array of the device, got {type(value)}")
    return host_value(stand_in, value)


def note_outputs(outputs: tuple[Any, ...], where: Any) -> None:
    for array in outputs:
        if array is not None:
            mark_written(array, written_elements(array) | where)


def out_or_new(stand_in: Any, outputs: tuple[Any, ...], result: Any) -> Any:
    if isinstance(result, tuple):
        given = outputs or (None,) * len(result)
        return tuple(stand_in.new_array(x) if o is None else o for o, x in zip(given, result, strict=True))
    return outputs[0] if outputs and outputs[0] is not None else stand_in.new_array(result)


def rearranged(array: Any, function: Callable[[Any], Any]) -> Any:
    """The array of which `function` of NumPy moves the elements: a view where NumPy gives one, else a copy."""
    host = function(array.host)
    if array.memory.contains(host) or not host.size:
        return array.seen_as(host)
    moved = array.stand_in.new_array(host)
    if array.memory.written is not None:
        mark_written(moved, function(written_elements(array)))
    array.stand_in.queue("copy")
    return moved


def gathered(stand_in: Any, name: str, function: Callable[..., Any], parts: Any, options: Any) -> Any:
    """What `function`, such as np.stack, makes of several arrays."""
    for part in parts:
        if not isinstance(part, stand_in.ndarray):
            raise TypeError(f"{name} expects arrays of the device, got {type(part)}")
        host_value(stand_in, part)
    joined = stand_in.new_array(function([part.host for part in parts], **options))
    if joined.memory.written is not None:
        mark_written(joined, function([written_elements(part) for part in parts], **options))
    stand_in.queue(name)
    return joined


def host_index(array: Any, index: Any) -> Any:
    """An index as NumPy takes it; arrays of the device in it must have been written."""
    if isinstance(index, tuple):
        return tuple(host_index(array, part) for part in index)
    if not isinstance(index, array.stand_in.ndarray):
        return index
    require_written(index, "an index")
    return host_value(array.stand_in, index)


def elements(array: Any, index: Any) -> Any:
    index = host_index(array, index)
    parts = index if isinstance(index, tuple) else (index,)
    # With an ellipsis NumPy gives a view without axes, as CuPy does, where it would give a number.
    parts = parts if any(part is ... for part in parts) else (*parts, ...)
    return rearranged(array, lambda host: host[parts])


def assign(array: Any, index: Any, value: Any, name: str) -> None:
    """Copy an array of the device, or a number, over elements, converting and broadcasting."""
    index = host_index(array, index)
    with np.errstate(all="ignore"):
        array.host[index] = host_value(array.stand_in, value)
    marks = array.memory.marks(array.host)
    if marks is not None:
        written = written_elements(value) if isinstance(value, array.stand_in.ndarray) else True
        marks[index] = np.multiply(written, all_written(array.itemsize), dtype=marks.dtype)
    array.stand_in.queue(name)


def copied(array: Any, dtype: np.dtype[Any], name: str) -> Any:
    with array.stand_in.silence():
        new = array.stand_in.empty(array.shape, dtype)
    assign(new, ..., array, name)
    return new
