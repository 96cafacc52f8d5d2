"""Moving elements about: slices, concatenation and other shapes, of any shapes that fit."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from typing import Any

from fusegrad.ops.elementwise import accumulate as add_to
from fusegrad.ops.elementwise import copy, fill
from fusegrad.ops.op import Bound, BoundOp, bound_op, in_turn, op

Index = tuple[Any, ...]
Parts = tuple[Any, ...]
Extents = tuple[int, ...]


@op
def take(x: Any, y: Any, index: Index) -> None:
    """y = x[index], for an index of slices and integers."""
    y[...] = x[index]


@take.cuda
def launch_take(x: Any, y: Any, index: Index) -> Bound:
    return copy.bound("cuda", view(x, index), y)


@op
def take_backward(dy: Any, dx: Any, index: Index, add_dx: bool = False) -> None:
    """dx[index] = dy and 0 elsewhere; or dx[index] += dy."""
    if add_dx:
        dx[index] += dy
    else:
        dx.fill(0)
        dx[index] = dy


@take_backward.cuda
def launch_take_backward(dy: Any, dx: Any, index: Index, add_dx: bool = False) -> Bound:
    if add_dx:
        return add_to.bound("cuda", dy, view(dx, index))
    return in_turn([fill.bound("cuda", dx, 0.0), copy.bound("cuda", dy, view(dx, index))])


@op
def concat(x: Parts, y: Any, extents: Extents, axis: int) -> None:
    """y = the arrays x, of the given extents, one after the other along `axis`."""
    for part, stretch in zip(x, stretches(y, extents, axis), strict=True):
        stretch[...] = part


@concat.cuda
def launch_concat(x: Parts, y: Any, extents: Extents, axis: int) -> Bound:
    pairs = zip(x, stretches(y, extents, axis), strict=True)
    return in_turn([copy.bound("cuda", part, stretch) for part, stretch in pairs])


@op
def split(dy: Any, dx: Parts, extents: Extents, axis: int) -> None:
    """The arrays dx, each of which may be None, = the stretches of dy of the given extents along `axis`."""
    for part, stretch in zip(dx, stretches(dy, extents, axis), strict=True):
        if part is not None:
            part[...] = stretch


@split.cuda
def launch_split(dy: Any, dx: Parts, extents: Extents, axis: int) -> Bound:
    pairs = zip(dx, stretches(dy, extents, axis), strict=True)
    return in_turn([copy.bound("cuda", stretch, part) for part, stretch in pairs if part is not None])


@lru_cache(maxsize=64)
def split_apart(count: int) -> BoundOp:
    """`split` into as many arrays, each of a name of its own; named x, y0, y1, …, extents, axis."""

    def bind(evaluator: str, x: Any, extents: Extents, axis: int, **y: Any) -> Bound:
        return split.bound(evaluator, x, tuple(y.values()), extents, axis)

    return BoundOp(bind, ("x", *(f"y{i}" for i in range(count)), "extents", "axis"))


@lru_cache(maxsize=64)
def split_apart_backward(count: int) -> BoundOp:
    """`concat` of as many arrays, each of a name of its own; named dy0, dy1, …, dx, extents, axis."""

    def bind(evaluator: str, dx: Any, extents: Extents, axis: int, **dy: Any) -> Bound:
        return concat.bound(evaluator, tuple(dy.values()), dx, extents, axis)

    return BoundOp(bind, (*(f"dy{i}" for i in range(count)), "dx", "extents", "axis"))


@bound_op
def reshape(evaluator: str, x: Any, y: Any) -> Bound:
    """y = x in another shape, for contiguous arrays."""
    return copy.bound(evaluator, reshaped(x, y.shape), y)


@bound_op
def reshape_backward(evaluator: str, dy: Any, dx: Any) -> Bound:
    """dx = dy in another shape, for contiguous arrays."""
    return copy.bound(evaluator, reshaped(dy, dx.shape), dx)


reshape.copies, reshape_backward.copies = {"y": ("x",)}, {"dx": ("dy",)}


def reshaped(array: Any, shape: tuple[int, ...]) -> Any:
    """The same memory in another shape; ValueError where NumPy would make a copy, which would soon be out of date."""
    if not array.flags.c_contiguous:
        raise ValueError(f"reshape expects a contiguous array, got strides {array.strides} of shape {array.shape}")
    return array.reshape(shape)


def view(x: Any, index: Index) -> Any:
    """x[index], as an array also where it has no axes."""
    return x[(*index, ...)] if ... not in index else x[index]


def stretches(y: Any, extents: Extents, axis: int) -> list[Any]:
    ends = list(accumulate(extents))
    before = (slice(None),) * axis
    return [y[(*before, slice(end - extent, end))] for end, extent in zip(ends, extents, strict=True)]


def rows(array: Any) -> Any:
    """(…, width) seen as (rows, width); passes through what is two-dimensional already, and None."""
    return array if array is None or array.ndim == 2 else array.reshape(-1, array.shape[-1])
