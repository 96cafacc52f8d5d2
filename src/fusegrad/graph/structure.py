"""The layers behind slicing, reshaping, transposing and summing Values, and the one that stops gradients."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from fusegrad.graph.layer import Layer
from fusegrad.graph.precision import FULL
from fusegrad.graph.spec import Arrays, GraphError, Spec, is_whole, require
from fusegrad.graph.value import Axes
from fusegrad.ops import elementwise, reduction, shape, transpose


class Total(Layer):
    """y = the sum of x over `axis`, or the average."""

    computes_in = FULL

    forward, backward = reduction.total, reduction.total_backward

    def __init__(self, axis: Axes, keepdims: bool, average: bool) -> None:
        self.axis, self.keepdims, self.average = axis, keepdims, average

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float, self, "floating-point input", x)
        axes = self.axes(len(x.shape))
        kept = [1 if i in axes else extent for i, extent in enumerate(x.shape)]
        shape = kept if self.keepdims else [extent for i, extent in enumerate(x.shape) if i not in axes]
        scale = 1 / prod(x.shape[axis] for axis in axes) if self.average else 1.0
        return Arrays({"y": Spec(tuple(shape), x.dtype)}, constants={"axis": axes, "scale": scale})

    def axes(self, rank: int) -> tuple[int, ...]:
        if self.axis is None:
            return tuple(range(rank))
        axes = self.axis if isinstance(self.axis, tuple | list) else (self.axis,)
        fits = all(is_whole(axis) and -rank <= axis < rank for axis in axes)
        require(fits, self, f"axes that {rank} axes have", self.axis)
        return tuple(sorted({int(axis) % rank for axis in axes}))


class Take(Layer):
    """y = x[index], for an index of integers and slices."""

    forward, backward = shape.take, shape.take_backward

    def __init__(self, index: Any) -> None:
        self.index = index if isinstance(index, tuple) else (index,)
        basic = all(is_whole(item) or isinstance(item, slice) or item is Ellipsis for item in self.index)
        require(basic, self, "an index of integers, slices and …", index)

    def plan(self, x: Spec) -> Arrays:
        try:
            y = np.broadcast_to(np.empty((), x.dtype), x.shape)[self.index]
        except (IndexError, TypeError, ValueError) as error:  # x[9], x[1.5:], x[::0]
            raise GraphError(f"{self} expects an index that {x.shape} has, got {self.index}: {error}") from None
        require(y.size > 0, self, "an index that leaves something", self.index)
        return Arrays({"y": Spec(y.shape, x.dtype)}, constants={"index": self.index})

    def rearranged(self, x: Any) -> Any:
        return x[self.index]


class Reshape(Layer):
    """y = x in another shape of as many elements; one extent may be -1."""

    forward, backward = shape.reshape, shape.reshape_backward

    def __init__(self, *shape: int | tuple[int, ...]) -> None:
        extents: tuple[Any, ...] = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        require(all(map(is_whole, extents)), self, "integers, one by one or in a tuple", shape)
        self.shape = tuple(map(int, extents))

    def plan(self, x: Spec) -> Arrays:
        known = prod(extent for extent in self.shape if extent != -1)
        open_extents = self.shape.count(-1)
        possible = all(extent == -1 or extent > 0 for extent in self.shape)
        fits = possible and (x.size % known == 0 if open_extents == 1 else open_extents == 0 and x.size == known)
        require(fits, self, f"a shape of {x.size} elements for {x.shape}", self.shape)
        return Arrays({"y": Spec(tuple(x.size // known if e == -1 else e for e in self.shape), x.dtype)})

    def rearranged(self, x: Any) -> Any:
        return x.reshape(self.shape)


class Transpose(Layer):
    """y = x with its axes in another order: axis axes[i] of x is axis i of y; without axes, in reverse order."""

    forward, backward = transpose.transpose, transpose.transpose_backward

    def __init__(self, *axes: int | tuple[int, ...]) -> None:
        given: tuple[Any, ...] = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple) else axes
        require(all(map(is_whole, given)), "Transpose", "integers, one by one or in a tuple", axes)
        self.axes = tuple(map(int, given))

    def plan(self, x: Spec) -> Arrays:
        rank = len(x.shape)
        axes = self.axes or tuple(reversed(range(rank)))
        fits = sorted(axis % rank if -rank <= axis < rank else rank for axis in axes) == [*range(rank)]
        require(fits, self, f"each of the {rank} axes of {x.shape} once", self.axes)
        axes = tuple(axis % rank for axis in axes)
        return Arrays({"y": Spec(tuple(x.shape[axis] for axis in axes), x.dtype)}, constants={"axes": axes})

    def rearranged(self, x: Any) -> Any:
        return x.transpose(self.axes or None)

    def __repr__(self) -> str:
        return f"Transpose{self.axes}"


class StopGradient(Layer):
    """y = x, through which no gradient flows."""

    forward, backward = elementwise.copy, None

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x})

    def rearranged(self, x: Any) -> Any:
        return x
