"""Gradients of what was broadcast: a formula of arrays, summed over the axes along which its target was repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.backend.signature import accumulated
from fusegrad.expr.loop import Loop, loop
from fusegrad.expr.node import argument
from fusegrad.expr.trace import traced
from fusegrad.ops.loops import launch_broadcast
from fusegrad.ops.memory import one_memory
from fusegrad.ops.op import Bound
from fusegrad.ops.reduction import launch_total

AT_ONCE = 1 << 15  # elements
Formula = Callable[..., Any]


def same(dy: Any) -> Any:
    """The formula of a gradient that is passed on as it is."""
    return dy


def bind_put(evaluator: str, target: Any, formula: Formula, arrays: Sequence[Any], add: bool = False) -> list[Bound]:
    """The calls that write formula(*arrays) into target, or add it, summed over the axes that were broadcast.

    The first of the arrays has the broadcast shape.  Nothing is to be done for a target that is None, or that is the
    very array that is passed on.
    """
    if target is None or (formula is same and not add and one_memory(target, arrays[0])):
        return []
    if evaluator == "cuda":
        return launches(target, formula, arrays, add)
    return [partial(put, target, formula, arrays, add)]


def put(target: Any, formula: Formula, arrays: Sequence[Any], add: bool) -> None:
    """`bind_put` by NumPy, some rows at a time, so that what the formula makes stays small."""
    shape = arrays[0].shape
    spread = [np.broadcast_to(array, shape) for array in arrays]
    whole = target.reshape(with_all_axes(target, shape))
    reduced = whole.shape != shape
    if reduced and not add:
        whole.fill(0)
    for rows in row_blocks(shape):
        place = rows if shape and whole.shape[0] == shape[0] else ...
        part = formula(*(array[rows] for array in spread))
        if reduced or add:
            np.add(whole[place], sum_to(part, whole[place].shape), out=whole[place])
        else:
            whole[place] = part


def with_all_axes(target: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of target with all axes that were broadcast."""
    own: tuple[int, ...] = target.shape
    return (1,) * (len(shape) - len(own)) + own


def row_blocks(shape: tuple[int, ...]) -> Iterator[Any]:
    """Indices that cover an array of this shape, some of its rows at a time."""
    if not shape:
        return iter([...])
    step = max(1, AT_ONCE * shape[0] // max(1, prod(shape)))
    return (slice(start, start + step) for start in range(0, shape[0], step))


def sum_to(array: Any, shape: tuple[int, ...]) -> Any:
    """`array` summed over the axes that `shape` has as 1."""
    stretched = tuple(axis for axis, extent in enumerate(shape) if extent == 1 and array.shape[axis] != 1)
    return array.sum(axis=stretched, keepdims=True) if stretched else array


def launches(target: Any, formula: Formula, arrays: Sequence[Any], add: bool) -> list[Bound]:
    """`bind_put` by kernels: the formula for all elements, into space of their own where they are to be summed."""
    shape = arrays[0].shape
    whole = with_all_axes(target, shape)
    target = target.reshape(whole)
    work, names = loop_of(formula, add and whole == shape)
    operands = dict(zip(names, arrays, strict=True))
    if whole == shape:
        return [launch_broadcast(work, {"target": target, **operands})]
    axes = tuple(axis for axis, extent in enumerate(whole) if extent != shape[axis])
    if formula is same and arrays[0].flags.c_contiguous:
        return [launch_total(arrays[0], target, axis=axes, scale=1.0, add=add)]
    parts = namespace(target).empty(shape, accumulated(target.dtype))
    computed = launch_broadcast(work, {"target": parts, **operands})
    return [computed, launch_total(parts, target, axis=axes, scale=1.0, add=add)]


@lru_cache(maxsize=1024)
def loop_of(formula: Formula, add: bool) -> tuple[Loop, tuple[str, ...]]:
    """The loop of a formula, and the names of its operands in order."""
    function = traced(formula)
    result = argument("target") + function.output if add else function.output
    return loop(f"gradient_{function.name}", {"target": result}), function.arguments
