"""Products as their providers take them: matrices by memory and strides, in stacks of two axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusegrad.backend.dtypes import HALVES, is_float
from fusegrad.ops.gemm import arithmetic
from fusegrad.ops.gemm.after import Activated, After, check_after, placed
from fusegrad.ops.strides import Strided, broadcast_strides, merged, strided

LONGEST = 2**31 - 256  # of a side, so that places in the last tile are integers of 32 bits


@dataclass(frozen=True, eq=False)
class Product:
    """y = what `after` makes of a b, or y += that where `add`.

    Strides are of the two axes of `stack`, then of rows and columns; `sizes` are rows, inner and columns.  h, residual
    and saved of `after` are contiguous memory like that of y, with its strides.  `arithmetic` is "exact" or "tf32".
    """

    a: Strided
    b: Strided
    y: Strided
    stack: tuple[int, int]
    sizes: tuple[int, int, int]
    add: bool
    after: After
    arithmetic: str

    @property
    def dtype(self) -> str:
        """Of a and b."""
        return str(self.a.memory.dtype)

    @property
    def y_dtype(self) -> str:
        """Of y and the arrays like it."""
        return str(self.y.memory.dtype)

    @property
    def matrices(self) -> int:
        return self.stack[0] * self.stack[1]


def products(a: Any, b: Any, y: Any, add: bool, after: After) -> Iterator[Product]:
    """The products that a product of stacks of any number of axes is made of: one, unless two axes cannot walk them.

    Raises ValueError where shapes, strides or dtypes do not fit.
    """
    sizes = checked_sizes(a, b, y)
    check_dtypes(a, b, y)
    check_after(after, a.dtype, y)
    stack, strides = merged(y.shape[:-2], [broadcast_strides(array, y.shape[:-2]) for array in (a, b, y)])
    check_stack(stack, after)
    of_a, of_b, of_y = (strided(array, of_stack) for array, of_stack in zip((a, b, y), strides, strict=True))
    how = arithmetic.current() if a.dtype == "float32" else "exact"
    for place in np.ndindex(*stack[:-2]):
        factors, of_this = (of_a.at(place), of_b.at(place)), placed(after, strides[2], place)
        yield Product(*factors, of_y.at(place), (stack[-2], stack[-1]), sizes, add, of_this, how)


def checked_sizes(a: Any, b: Any, y: Any) -> tuple[int, int, int]:
    """Rows, inner, columns."""
    if min(a.ndim, b.ndim, y.ndim) < 2 or (a.shape[-1], y.shape[-2:]) != (b.shape[-2], (a.shape[-2], b.shape[-1])):
        raise ValueError(f"a product expects (…, m, k) (…, k, n) = (…, m, n), got {a.shape} {b.shape} = {y.shape}")
    (rows, inner), columns = a.shape[-2:], b.shape[-1]
    if max(rows, inner, columns) > LONGEST:
        raise ValueError(f"a product expects sides of up to {LONGEST}, got {a.shape} {b.shape}")
    return rows, inner, columns


def check_dtypes(a: Any, b: Any, y: Any) -> None:
    allowed = [str(a.dtype), *(["float32"] if str(a.dtype) in HALVES else [])]
    if not is_float(a.dtype) or a.dtype != b.dtype or str(y.dtype) not in allowed:
        raise ValueError(
            f"a product of {a.dtype} expects floating-point factors of one dtype and y of {' or '.join(allowed)}, "
            f"got {a.dtype} {b.dtype} = {y.dtype}"
        )


def check_stack(stack: tuple[int, ...], after: After) -> None:
    """A mask and sums over rows belong to all of y, so that one launch is to write them."""
    whole = after.drop if isinstance(after, Activated) else after.sums
    if whole is not None and len(stack) > 2:
        raise ValueError(f"a product with dropout or sums expects a stack that two axes can walk, got {stack}")
