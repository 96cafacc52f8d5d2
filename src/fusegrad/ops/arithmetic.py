"""Arithmetic with NumPy's broadcasting; gradients are summed over the axes that were broadcast.

Shapes: y, dy the broadcast shape of a and b; da, db (or None, where nobody needs them) those of a and b.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op


@op
def add(a: Any, b: Any, y: Any) -> None:
    np.add(a, b, out=y)


@op
def add_backward(dy: Any, da: Any, db: Any, *, add_da: bool, add_db: bool) -> None:
    put(dy, da, add_da)
    put(dy, db, add_db)


@op
def subtract(a: Any, b: Any, y: Any) -> None:
    np.subtract(a, b, out=y)


@op
def subtract_backward(dy: Any, da: Any, db: Any, *, add_da: bool, add_db: bool) -> None:
    put(dy, da, add_da)
    if db is not None:
        put(-dy, db, add_db)


@op
def multiply(a: Any, b: Any, y: Any) -> None:
    np.multiply(a, b, out=y)


@op
def multiply_backward(dy: Any, a: Any, b: Any, da: Any, db: Any) -> None:
    put_product(dy, b, da)
    put_product(dy, a, db)


@op
def divide(a: Any, b: Any, y: Any) -> None:
    np.divide(a, b, out=y)


@op
def divide_backward(dy: Any, b: Any, y: Any, da: Any, db: Any) -> None:
    """da = dy / b, db = -dy y / b."""
    quotient = dy / b
    put(quotient, da, False)
    if db is not None:
        quotient *= y  # of 0-d arrays quotient is a number, which `out=` does not take
        put(-quotient, db, False)


@op
def affine(x: Any, y: Any, *, scale: float, shift: float) -> None:
    """y = scale x + shift."""
    np.multiply(x, scale, out=y)
    if shift:
        np.add(y, shift, out=y)


@op
def power(x: Any, y: Any, *, exponent: float) -> None:
    """y = x ** exponent."""
    np.power(x, exponent, out=y)


@op
def power_backward(dy: Any, x: Any, dx: Any, *, exponent: float) -> None:
    """dx = exponent x ** (exponent - 1) dy."""
    np.power(x, exponent - 1, out=dx)
    np.multiply(dx, exponent, out=dx)
    np.multiply(dx, dy, out=dx)


def put_product(dy: Any, factor: Any, target: Any) -> None:
    if target is None:
        return
    if target.shape == dy.shape:
        np.multiply(dy, factor, out=target)
    else:
        put(dy * factor, target, False)


def put(gradient: Any, target: Any, add: bool) -> None:
    """Write the gradient into target, or add it, summed over the axes along which target was broadcast."""
    if target is None:
        return
    summed = sum_to(gradient, target.shape)
    if add:
        np.add(target, summed, out=target)
    else:
        target[...] = summed


def sum_to(array: Any, shape: tuple[int, ...]) -> Any:
    """`array` summed over the axes along which an array of `shape` was broadcast to it."""
    if array.shape == shape:
        return array
    extra = array.ndim - len(shape)
    stretched = [extra + axis for axis, extent in enumerate(shape) if extent == 1 and array.shape[extra + axis] != 1]
    return array.sum(axis=(*range(extra), *stretched)).reshape(shape)
