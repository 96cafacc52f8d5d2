"""Arithmetic with NumPy's broadcasting; gradients are summed over the axes that were broadcast.

Shapes: y, dy the broadcast shape of a and b; da, db (or None, where nobody needs them) those of a and b.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from fusegrad.ops.op import op

AT_ONCE = 1 << 15  # elements


@op
def add(a: Any, b: Any, y: Any) -> None:
    np.add(a, b, out=y)


@op
def add_backward(dy: Any, da: Any, db: Any, *, add_da: bool, add_db: bool) -> None:
    put(da, lambda dy: dy, [dy], add_da)
    put(db, lambda dy: dy, [dy], add_db)


@op
def subtract(a: Any, b: Any, y: Any) -> None:
    np.subtract(a, b, out=y)


@op
def subtract_backward(dy: Any, da: Any, db: Any, *, add_da: bool, add_db: bool) -> None:
    put(da, lambda dy: dy, [dy], add_da)
    put(db, lambda dy: -dy, [dy], add_db)


@op
def multiply(a: Any, b: Any, y: Any) -> None:
    np.multiply(a, b, out=y)


@op
def multiply_backward(dy: Any, a: Any, b: Any, da: Any, db: Any) -> None:
    put(da, lambda dy, b: dy * b, [dy, b])
    put(db, lambda dy, a: dy * a, [dy, a])


@op
def divide(a: Any, b: Any, y: Any) -> None:
    np.divide(a, b, out=y)


@op
def divide_backward(dy: Any, b: Any, y: Any, da: Any, db: Any) -> None:
    """da = dy / b, db = -dy y / b."""
    put(da, lambda dy, b: dy / b, [dy, b])
    put(db, lambda dy, b, y: dy * y / -b, [dy, b, y])


def put(target: Any, formula: Callable[..., Any], arrays: Sequence[Any], add: bool = False) -> None:
    """Write formula(arrays) into target, or add it, summed over the axes along which target was broadcast.

    The first of the arrays has the broadcast shape.  It is done some rows at a time, so that what the formula makes
    stays small.
    """
    if target is None:
        return
    shape = arrays[0].shape
    spread = [np.broadcast_to(array, shape) for array in arrays]
    whole = target.reshape((1,) * (len(shape) - target.ndim) + target.shape)  # with all axes that were broadcast
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
