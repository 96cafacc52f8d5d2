"""Layers that make one Value of several, or several of one."""

from __future__ import annotations

from collections.abc import Sequence

from fusegrad.graph import Arrays, Layer, Spec, Value, require
from fusegrad.graph.arithmetic import Add, Multiply
from fusegrad.graph.spec import is_whole
from fusegrad.layers.axes import axis_of_any
from fusegrad.ops import shape

__all__ = ["Add", "Concat", "Multiply", "Split"]


class Concat(Layer):
    """y = the inputs one after the other along `axis`.

    Shapes: x of equal shape but for `axis`; y has the sum of their extents there.
    Raises GraphError unless there is an input, and all have the axis and agree in other extents and dtype.
    """

    forward, backward = shape.concat, shape.split

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def plan(self, *x: Spec) -> Arrays:
        require(len(x) > 0, self, "at least one input", "none")
        axis = axis_of_any(self, self.axis, x[0])
        for other in x[1:]:
            fits = len(other.shape) == len(x[0].shape) and without(axis, other) == without(axis, x[0])
            require(fits and other.dtype == x[0].dtype, self, f"inputs like {x[0]} but for axis {axis}", other)
        extents = tuple(spec.shape[axis] for spec in x)
        y = Spec((*x[0].shape[:axis], sum(extents), *x[0].shape[axis + 1 :]), x[0].dtype)
        return Arrays({"y": y}, constants={"extents": extents, "axis": axis})

    def __repr__(self) -> str:
        return f"Concat(axis={self.axis})"


def without(axis: int, spec: Spec) -> tuple[int, ...]:
    return spec.shape[:axis] + spec.shape[axis + 1 :]


class Split(Layer):
    """A tuple of what x consists of along `axis`, one after the other: `gate, value = Split(2)(x)`.

    Args:
        parts: how many parts of one extent, or the extents of all of them.
        axis: the axis along which x is split.

    Shapes: x (…, extent, …), each part (…, its extent, …).
    Raises GraphError unless x has the axis, and the extents are positive and add up to its extent.
    """

    def __init__(self, parts: int | Sequence[int], axis: int = -1) -> None:
        extents = tuple(parts) if isinstance(parts, Sequence) else (parts,)
        whole = len(extents) > 0 and all(is_whole(extent) and extent > 0 for extent in extents)
        require(whole, "Split", "a number of parts, or their extents", repr(parts))
        self.parts: int | tuple[int, ...] = tuple(map(int, extents)) if isinstance(parts, Sequence) else int(parts)
        self.axis = axis
        count = len(self.parts) if isinstance(self.parts, tuple) else self.parts
        self.forward, self.backward = shape.split_apart(count), shape.split_apart_backward(count)

    def __call__(self, *inputs: Value, **named: Value) -> tuple[Value, ...]:
        made = super().__call__(*inputs, **named)
        return made if isinstance(made, tuple) else (made,)

    def plan(self, x: Spec) -> Arrays:
        axis = axis_of_any(self, self.axis, x)
        extents = (x.shape[axis] // self.parts,) * self.parts if isinstance(self.parts, int) else self.parts
        expected = f"a multiple of {self.parts}" if isinstance(self.parts, int) else f"{sum(extents)} entries"
        require(sum(extents) == x.shape[axis], self, f"{expected} along axis {axis}", x.shape)
        specs = [Spec((*x.shape[:axis], extent, *x.shape[axis + 1 :]), x.dtype) for extent in extents]
        return Arrays({f"y{i}": spec for i, spec in enumerate(specs)}, constants={"extents": extents, "axis": axis})

    def __repr__(self) -> str:
        return f"Split({self.parts}, axis={self.axis})"
