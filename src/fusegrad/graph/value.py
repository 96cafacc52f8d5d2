"""The edges and nodes of a graph that is being traced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import numpy as np

from fusegrad.graph.spec import Buffer, Spec, require

if TYPE_CHECKING:
    from fusegrad.graph.layer import Layer


Index = int | slice | EllipsisType
Axes = int | tuple[int, ...] | None


class Value:
    """A graph input, or an output of a layer's call: an array that does not exist yet.

    Arithmetic (`+ - * / ** @`), slicing, `sum`, `mean`, `reshape` and `transpose` build further nodes, with NumPy's
    broadcasting.
    Their layers are imported when they are used, because they are themselves called on Values.
    """

    def __init__(self, spec: Spec, node: Node | None = None, name: str = "") -> None:
        self.spec, self.node, self.name = spec, node, name
        self.data, self.grad = Buffer(spec), Buffer(spec)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.spec.shape

    @property
    def dtype(self) -> str:
        return self.spec.dtype

    def __add__(self, other: Value | float) -> Value:
        from fusegrad.graph.algebra import add

        return add(self, other)

    def __sub__(self, other: Value | float) -> Value:
        from fusegrad.graph.algebra import subtract

        return subtract(self, other)

    def __mul__(self, other: Value | float) -> Value:
        from fusegrad.graph.algebra import multiply

        return multiply(self, other)

    def __truediv__(self, other: Value | float) -> Value:
        from fusegrad.graph.algebra import divide

        return divide(self, other)

    def __rsub__(self, other: float) -> Value:
        from fusegrad.graph.algebra import affine

        return affine(self, -1.0, other)

    def __rtruediv__(self, other: float) -> Value:
        from fusegrad.graph.algebra import affine, power

        return affine(power(self, -1.0), other, 0.0)

    def __neg__(self) -> Value:
        from fusegrad.graph.algebra import affine

        return affine(self, -1.0, 0.0)

    def __pow__(self, exponent: float) -> Value:
        from fusegrad.graph.algebra import power

        return power(self, exponent)

    def __matmul__(self, other: Value) -> Value:
        from fusegrad.graph.algebra import matmul

        return matmul(self, other)

    def __getitem__(self, index: Index | tuple[Index, ...]) -> Value:
        from fusegrad.graph.algebra import take

        return take(self, index)

    def sum(self, axis: Axes = None, keepdims: bool = False) -> Value:
        from fusegrad.graph.algebra import sum

        return sum(self, axis, keepdims)

    def mean(self, axis: Axes = None, keepdims: bool = False) -> Value:
        from fusegrad.graph.algebra import mean

        return mean(self, axis, keepdims)

    def reshape(self, *shape: int | tuple[int, ...]) -> Value:
        from fusegrad.graph.algebra import reshape

        return reshape(self, *shape)

    def transpose(self, *axes: int | tuple[int, ...]) -> Value:
        from fusegrad.graph.algebra import transpose

        return transpose(self, *axes)

    __radd__, __rmul__ = __add__, __mul__
    __array_ufunc__ = None  # `array * value` must fail here, not build an object array
    __iter__ = None  # `a, b = value` must fail here, not slice until an index is refused

    def __repr__(self) -> str:
        source = self.node.layer if self.node else self.name or "Input"
        return f"Value({self.spec.shape}, {self.spec.dtype}, of {source})"


Argument = Value | tuple[Value, ...] | None


@dataclass(eq=False)
class Node:
    """One call of a layer.  A shared layer is called by several nodes."""

    layer: Layer
    inputs: dict[str, Argument]
    outputs: dict[str, Value] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)  # saved arrays and constants
    limits: dict[str, int] = field(default_factory=dict)  # of integer inputs, which lie in 0 .. limit-1
    exempt: dict[str, int] = field(default_factory=dict)  # a value outside the limits that an input may have

    def input_values(self) -> Iterator[Value]:
        for argument in self.inputs.values():
            yield from argument if isinstance(argument, tuple) else () if argument is None else (argument,)


def toposort(outputs: Sequence[Value]) -> list[Node]:
    """All nodes that `outputs` need, producers first; iterative, since a graph may be deeper than Python's stack."""
    order: dict[Node, None] = {}
    stack = [(value.node, False) for value in reversed(outputs) if value.node]
    while stack:
        node, inputs_done = stack.pop()
        if node in order:
            continue
        if inputs_done:
            order[node] = None
            continue
        stack.append((node, True))
        stack += [(value.node, False) for value in reversed([*node.input_values()]) if value.node]
    return list(order)


def check_extents(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape as a tuple; GraphError unless every extent is a positive integer."""
    require(isinstance(shape, tuple | list), "Input", "a shape such as (32, 8)", shape)
    fits = all(isinstance(extent, int | np.integer) and extent > 0 for extent in shape)
    require(fits, "Input", "a shape of positive integers", shape)
    return tuple(int(extent) for extent in shape)
