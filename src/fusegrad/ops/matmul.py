"""Matrix products; every product of the library goes through here, so that a fused or captured one can take its place.

Shapes: a (…, rows, inner), b (…, inner, columns), y (…, rows, columns), each a view of any strides; stacks of a and b
are broadcast to that of y.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.expr.scratch import NBYTES, scratch
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.reduction import launch_sums


@bound_op
def matmul(evaluator: str, a: Any, b: Any, y: Any, add: bool = False) -> Bound:
    """y = a b, or y += a b; y has the dtype of a and b, or float32 where they are of a half type."""
    wide = {} if a.dtype == y.dtype else {"dtype": y.dtype}  # or NumPy would compute, too, in the half type
    if not add and not wide and y.ndim < 3 and y.flags.c_contiguous:
        return partial(np.dot, a, b, y)  # the same product half a microsecond sooner
    if not add:
        return partial(np.matmul, a, b, y, **wide)
    return in_turn([partial(add_piece, *piece, **wide) for piece in pieces(a, b, y)])


@matmul.cuda
def launch_matmul(a: Any, b: Any, y: Any, add: bool) -> Bound:
    from fusegrad.ops.gemm import bind_product  # here, since a CPU does not need it

    return bind_product(a, b, y, add=add)


@bound_op
def matmul_backward(
    evaluator: str, dy: Any, a: Any, b: Any, da: Any, db: Any, add_da: bool = False, add_db: bool = False
) -> Bound:
    """da = dy bᵀ, db = aᵀ dy, each written, or added where `add_…`; None where nobody needs it."""
    calls = []
    if da is not None:
        calls.append(matmul.bound(evaluator, dy, b.swapaxes(-1, -2), da, add_da))
    if db is not None:
        calls.append(matmul.bound(evaluator, a.swapaxes(-1, -2), dy, db, add_db))
    return in_turn(calls)


@bound_op
def column_sums(evaluator: str, x: Any, y: Any, add: bool = False) -> Bound:
    """y = Σ x over the rows, or y += that; as a product with ones, which is several times faster than `sum`.

    y has the dtype of x, or float32 where that is a half type.
    """
    ones = np.ones_like(x, shape=(1, len(x)))
    return matmul.bound(evaluator, ones, x, y[None], add)


@column_sums.cuda
def launch_column_sums(x: Any, y: Any, add: bool) -> Bound:
    rows, columns = x.shape
    return launch_sums(x, y, outer=1, length=rows, inner=columns, add=add)


def add_piece(a: Any, b: Any, y: Any, **wide: Any) -> None:
    """y += a b for a y that fits the scratch of a thread."""
    (product,) = scratch.arrays(("_0",), y.shape, y.itemsize)
    np.matmul(a, b, product, **wide)
    np.add(y, product, y)


def pieces(a: Any, b: Any, y: Any) -> list[tuple[Any, Any, Any]]:
    """Products whose results are the parts of y, each no larger than the scratch."""
    if y.nbytes <= NBYTES:
        return [(a, b, y)]
    if y.ndim > 2:
        a, b = (np.broadcast_to(x, y.shape[:-2] + x.shape[-2:]) for x in (a, b))
        return [piece for matrices in zip(a, b, y, strict=True) for piece in pieces(*matrices)]
    rows, columns = y.shape
    if rows > 1:
        half = rows // 2
        return pieces(a[:half], b, y[:half]) + pieces(a[half:], b, y[half:])
    half = columns // 2
    return pieces(a, b[:, :half], y[:, :half]) + pieces(a, b[:, half:], y[:, half:])
