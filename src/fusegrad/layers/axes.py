"""How layers read an axis that was given by number."""

from __future__ import annotations

from fusegrad.graph import Layer, Spec, require
from fusegrad.graph.spec import is_whole


def axis_of(layer: Layer, axis: int, x: Spec) -> int:
    """The axis of floating-point x counted from 0; GraphError where x has no such axis or holds no such numbers."""
    require(x.is_float, layer, "floating-point input", x)
    return axis_of_any(layer, axis, x)


def axis_of_any(layer: Layer, axis: int, x: Spec) -> int:
    """The axis of x, of whatever numbers, counted from 0; GraphError where x has no such axis."""
    rank = len(x.shape)
    require(is_whole(axis) and -rank <= axis < rank, layer, f"an axis that {rank} axes have", axis)
    return int(axis) % rank
