"""Functions of CuPy evaluated by NumPy on the memory of the stand-in, with CuPy's refusals.

What moves elements carries along whether they were written; what computes refuses elements that were not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cuda_on_cpu.stand_in.marks import mark_written, require_written, written_elements
from cuda_on_cpu.stand_in.nesting import inside

NUMBERS = (bool, int, float, np.generic)
METHODS = ("__call__", "reduce", "accumulate", "outer")
BY_CUBLAS = ("matmul", "dot", "inner", "tensordot", "einsum")
ELEMENTWISE = ("clip", "round")  # kernels without workspace in CuPy, and no ufuncs of NumPy


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
    function = ufunc if method == "__call__" else getattr(ufunc, method)
    return evaluate(stand_in, ufunc.__name__, function, inputs, options)


def evaluate(stand_in: Any, name: str, function: Callable[..., Any], inputs: tuple[Any, ...], options: Any) -> Any:
    """`function` of operands that were written; the arrays `out` where they are given, else new ones."""
    recording = stand_in.is_recording()
    if recording and name in BY_CUBLAS:
        raise NotImplementedError(f"{name}: calling cuBLAS API during stream capture is currently unsupported")
    options = dict(options)
    out = options.pop("out", None)
    outputs = out if isinstance(out, tuple) else (out,)
    one_kernel = isinstance(function, np.ufunc) or name in ELEMENTWISE
    if any(output is None for output in outputs) or (recording and not one_kernel):
        stand_in.refuse_allocation(name)
        result = computed(stand_in, name, function, inputs, options, out)
        stand_in.queue(name)
        return out_or_new(stand_in, outputs, result)
    if recording:
        rehearse(stand_in, function, inputs, options, out)
    read = [(value, False) for value in (*inputs, *options.values()) if isinstance(value, stand_in.ndarray)]
    touched = [*read, *((output, True) for output in outputs)]
    stand_in.submit(name, computed, (stand_in, name, function, inputs, options, out), touched)
    return outputs if len(outputs) > 1 else outputs[0]


def computed(
    stand_in: Any, name: str, function: Callable[..., Any], inputs: Sequence[Any], options: dict[str, Any], out: Any
) -> Any:
    """What `function` of NumPy gives, and where it was written."""
    for value in (*inputs, *options.values()):
        if isinstance(value, stand_in.ndarray):
            require_written(value, name)
    operands, keywords = hosts(stand_in, inputs, options, out)
    with np.errstate(all="ignore"):  # a GPU does not warn
        result = function(*operands, **keywords)
    note_outputs(out if isinstance(out, tuple) else (out,), keywords.get("where", True))
    return result


def hosts(stand_in: Any, inputs: Sequence[Any], options: dict[str, Any], out: Any) -> tuple[list[Any], dict[str, Any]]:
    """All arguments as NumPy takes them."""
    operands = [host_option(stand_in, value) for value in inputs]
    keywords = {key: host_option(stand_in, value) for key, value in options.items()}
    if isinstance(out, tuple):
        keywords["out"] = tuple(None if value is None else host_output(stand_in, value) for value in out)
    elif out is not None:
        keywords["out"] = host_output(stand_in, out)
    return operands, keywords


def rehearse(
    stand_in: Any, function: Callable[..., Any], inputs: Sequence[Any], options: dict[str, Any], out: Any
) -> None:
    """Run on copies, so that wrong shapes and dtypes are refused where an operation is recorded."""
    arguments = inside(hosts(stand_in, inputs, options, out), copied_host)
    with np.errstate(all="ignore"):
        function(*arguments[0], **arguments[1])


def copied_host(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else inside(value, copied_host)


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
        given = outputs if len(outputs) == len(result) else (None,) * len(result)
        return tuple(stand_in.new_array(x) if o is None else o for o, x in zip(given, result, strict=True))
    return stand_in.new_array(result)


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
