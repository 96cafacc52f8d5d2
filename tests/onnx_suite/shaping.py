"""Shapes, slices, parts and indices."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from fusegrad.ops import embedding, gather
from fusegrad.ops import shape as shapes
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator


@operator("Reshape")
def reshaped(m: Machine, node: Node, x: Any, shape: Any) -> Any:
    """A 0 stands for the extent of x in its place, unless zeros are allowed; -1 for what remains."""
    wanted = m.whole(shape)
    if not node.get("allowzero"):
        wanted = [x.shape[place] if extent == 0 else extent for place, extent in enumerate(wanted)]
    return seen_as(m, x, tuple(wanted))


def seen_as(m: Machine, x: Any, shape: tuple[int, ...]) -> Any:
    known = prod(extent for extent in shape if extent != -1)
    full = tuple(x.size // known if extent == -1 else extent for extent in shape)
    return m.made(shapes.reshape, x, shape=full)


@operator("Flatten")
def flattened(m: Machine, node: Node, x: Any) -> Any:
    axis = node.get("axis", 1)
    return seen_as(m, x, (prod(x.shape[:axis]), prod(x.shape[axis:])))


@operator("Squeeze")
def squeezed(m: Machine, node: Node, x: Any, axes: Any = None) -> Any:
    gone = axes_of(m, node, axes, x.ndim)
    kept = [extent for axis, extent in enumerate(x.shape) if not (axis in gone if gone else extent == 1)]
    return seen_as(m, x, tuple(kept))


@operator("Unsqueeze")
def unsqueezed(m: Machine, node: Node, x: Any, axes: Any = None) -> Any:
    rank = x.ndim + len(axes_of(m, node, axes, 1))
    new, old = axes_of(m, node, axes, rank), iter(x.shape)
    return seen_as(m, x, tuple(1 if axis in new else next(old) for axis in range(rank)))


def axes_of(m: Machine, node: Node, axes: Any, rank: int) -> list[int]:
    """The axes that an input, or in older versions an attribute, names; none where neither is there."""
    given = node.get("axes", []) if axes is None else axes
    return [axis % rank for axis in m.whole(given)]


@operator("Transpose")
def transposed(m: Machine, node: Node, x: Any) -> Any:
    return m.transposed(x, node.get("perm", range(x.ndim)[::-1]))


@operator("Concat")
def joined(m: Machine, node: Node, *parts: Any) -> Any:
    axis = node.get("axis", 1) % parts[0].ndim
    extents = tuple(part.shape[axis] for part in parts)
    y = m.empty((*parts[0].shape[:axis], sum(extents), *parts[0].shape[axis + 1 :]), parts[0].dtype)
    m.run(shapes.concat, parts, y, extents=extents, axis=axis)
    return y


@operator("Split")
def split(m: Machine, node: Node, x: Any, lengths: Any = None) -> Any:
    """Parts of given lengths, or of equal ones, of which the last may be shorter."""
    axis, given = node.get("axis", 0) % x.ndim, node.get("split") if lengths is None else lengths
    each = -(-x.shape[axis] // node.outputs)
    even = [min(each, x.shape[axis] - start) for start in range(0, x.shape[axis], max(1, each))]
    extents = tuple(even if given is None else m.whole(given))
    parts = tuple(m.empty((*x.shape[:axis], extent, *x.shape[axis + 1 :]), x.dtype) for extent in extents)
    m.run(shapes.split, x, parts, extents=extents, axis=axis)
    return parts


@operator("Slice")
def sliced(m: Machine, node: Node, x: Any, *bounds: Any) -> Any:
    """Bounds, which are inputs since version 10, are starts, ends, axes and steps; those beyond an end are cut off."""
    starts, ends, axes, by = (*bounds, *[None] * (4 - len(bounds)))
    first = m.whole(node.get("starts") if starts is None else starts)
    last = m.whole(node.get("ends") if ends is None else ends)
    along = axes_of(m, node, axes, x.ndim) or list(range(len(first)))
    steps = [1] * len(first) if by is None else m.whole(by)
    index = [slice(None)] * x.ndim
    for axis, start, end, step in zip(along, first, last, steps, strict=True):
        beyond = end < -x.shape[axis]  # which for a negative step means: up to the beginning
        index[axis] = slice(start, None if beyond and step < 0 else end, step)
    shape = np.broadcast_to(np.empty(()), x.shape)[tuple(index)].shape
    return m.made(shapes.take, x, shape=shape, index=tuple(index))


@operator("Expand")
def expanded(m: Machine, node: Node, x: Any, shape: Any) -> Any:
    return m.expanded(x, np.broadcast_shapes(x.shape, tuple(m.whole(shape))))


@operator("Tile")
def tiled(m: Machine, node: Node, x: Any, repeats: Any) -> Any:
    """x repeated along every axis, by an axis of its own for the repetitions."""
    counts = m.whole(repeats)
    apart = x.reshape([extent for pair in zip([1] * x.ndim, x.shape, strict=True) for extent in pair])
    shape = [extent for pair in zip(counts, x.shape, strict=True) for extent in pair]
    joint = [count * extent for count, extent in zip(counts, x.shape, strict=True)]
    return m.expanded(apart, shape).reshape(joint)


@operator("Gather")
def gathered(m: Machine, node: Node, x: Any, index: Any) -> Any:
    """Whole rows of x by index, as from a table, the axis that is indexed being the first."""
    axis = node.get("axis", 0) % x.ndim
    first = m.with_axis(x, axis, 0)
    places = m.array(m.host(index) % x.shape[axis])
    width = prod(first.shape[1:])
    rows = m.made(embedding.forward, first.reshape(-1, width), places, shape=(*index.shape, width))
    rows = rows.reshape(index.size, *first.shape[1:])
    return m.with_axis(rows, 0, axis).reshape((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))


@operator("GatherElements")
def elements(m: Machine, node: Node, x: Any, index: Any) -> Any:
    """Single elements by index along one axis; x and index agree in all others."""
    axis = node.get("axis", 0)
    last = m.with_axis(x, axis, -1)
    places = m.with_axis(m.array(m.host(index) % x.shape[axis]), axis, -1)
    return m.with_axis(m.made(gather.forward, last, places, shape=places.shape), -1, axis)
