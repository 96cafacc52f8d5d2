"""Linear maps along the axes of planes: average pooling, interpolation, repetition; and their gradients.

Shapes: x, dx (batch, channels, *extents), y, dy (batch, channels, *places), for one to three axes, with one of `maps`
for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.ops.axis_map import AxisMap, tables
from fusegrad.ops.elementwise import accumulate, copy
from fusegrad.ops.op import Bound, bound_op, in_turn
from fusegrad.ops.overlap import pieces, plane_share, planes

Maps = tuple[AxisMap, ...]
Term = tuple[Any, Any, Any, Any]


@bound_op
def forward(evaluator: str, x: Any, y: Any, maps: Maps) -> Bound:
    """y = x with every axis mapped."""
    return bind(evaluator, x, y, maps, add=False)


@bound_op
def backward(evaluator: str, dy: Any, dx: Any, maps: Maps, add_dx: bool = False) -> Bound:
    """dx = dy with every axis mapped back, or that added."""
    return bind(evaluator, dy, dx, transposed(maps), add_dx)


@forward.cuda
def launch_forward(x: Any, y: Any, maps: Maps) -> Bound:
    return launch(x, y, maps, add=False)


@backward.cuda
def launch_backward(dy: Any, dx: Any, maps: Maps, add_dx: bool = False) -> Bound:
    return launch(dy, dx, transposed(maps), add_dx)


def transposed(maps: Maps) -> Maps:
    return tuple(axis.transposed() for axis in maps)


def bind(evaluator: str, x: Any, y: Any, maps: Maps, add: bool) -> Bound:
    if evaluator == "numba" and x.dtype == "float32":
        from fusegrad.ops.resample_loops import bind_loops  # here, since only who has Numba needs it

        return bind_loops(x, y, maps, add)
    return in_turn(list(axis_by_axis(planes(x), planes(y), maps, add)))


def axis_by_axis(x: Any, y: Any, maps: Maps, add: bool) -> Iterator[Bound]:
    """Some planes at a time, axes that shrink first."""
    axes = [axis for axis in range(len(maps)) if not maps[axis].is_identity]
    axes.sort(key=lambda axis: len(maps[axis].rows) / max(1, maps[axis].inputs))
    if not axes:
        yield (accumulate if add else copy).bound("numpy", x, y)
        return
    shapes = [x.shape]
    for axis in axes:
        shapes.append((*shapes[-1][: axis + 1], len(maps[axis].rows), *shapes[-1][axis + 2 :]))
    cuts = pieces(max(x, y, key=lambda array: array.size))
    most = cuts[0].stop if cuts else 0
    between = [np.empty((most, *shape[1:]), x.dtype) for shape in shapes[1:-1]]
    product = np.empty(most * max(prod(shape[1:]) for shape in shapes), x.dtype)
    for cut in cuts:
        source = x[cut]
        for axis, space in zip(axes, [*between, None], strict=True):
            target = y[cut] if space is None else space[: len(source)]
            if space is not None or not add:
                yield partial(target.fill, 0)
            yield partial(add_terms, [*terms(source, target, axis, maps[axis], product)])
            source = target


def terms(x: Any, y: Any, axis: int, of_axis: AxisMap, space: Any) -> Iterator[Term]:
    """Parts of x, weights, parts of y to which the products are added, and space for those; None for weights of 1."""
    before = (slice(None),) * (axis + 1)
    for diagonal in of_axis.diagonals():
        source, target = x[(*before, diagonal.inputs)], y[(*before, diagonal.outputs)]
        if set(diagonal.weights) == {1.0}:
            yield source, None, target, None
        else:
            weights = np.array(diagonal.weights, x.dtype).reshape(-1, *(1,) * (x.ndim - axis - 2))
            yield source, weights, target, space[: source.size].reshape(source.shape)


def add_terms(parts: list[Term]) -> None:
    for source, weights, target, product in parts:
        if weights is None:
            np.add(target, source, out=target)
        else:
            np.multiply(source, weights, out=product)
            np.add(target, product, out=target)


def launch(x: Any, y: Any, maps: Maps, add: bool) -> Bound:
    run = kernel(x, "resample.cu", f"resample<{c_type(x.dtype)}>")
    given = (namespace(x).asarray(table) for table in tables(maps, accumulated(x.dtype)))
    share, (_, height, width) = plane_share(x, y), three(x.shape[2:])
    count, size = prod(y.shape[:2]), prod(x.shape[2:])
    return run.bind(*share, x, y, *given, count, size, height, width, *three(y.shape[2:]), add)


def three(extents: tuple[int, ...]) -> tuple[int, ...]:
    """Depth, height and width."""
    return (1,) * (3 - len(extents)) + tuple(extents)
