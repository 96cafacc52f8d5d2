"""A graph in mixed precision: products in half precision, losses and sums in full, and conversions between them.

What a graph computes in does not stand in it: it is written in the dtype of its parameters, and a program rewrites it
for the precision of its arena.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from fusegrad.graph.fuse import Numbered
from fusegrad.graph.layer import Layer
from fusegrad.graph.precision import FULL, HALF, MIXED, Precision
from fusegrad.graph.spec import Arrays, Spec
from fusegrad.graph.value import Argument, Node, Value
from fusegrad.ops import elementwise


class Cast(Layer):
    """y = x, rounded to another floating-point dtype."""

    forward, backward = elementwise.cast, elementwise.cast_backward

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": Spec(x.shape, self.dtype)})

    def __repr__(self) -> str:
        return f"Cast({self.dtype})"


def lowered(
    nodes: Sequence[Node], read: Collection[Value], differentiated: Collection[Value], precision: Precision
) -> list[Numbered]:
    """The nodes in mixed precision, each with its number in the graph as written, the coordinate of its random draws.

    A layer says by `computes_in` what it is to compute in.  Values that are `read` from outside stay in full precision,
    and gradients with respect to those `differentiated` flow through them.
    """
    work = Lowering(read, differentiated, precision)
    for number, node in enumerate(nodes):
        work.lower(number, node)
    return work.nodes


class Lowering:
    """The rewriting of one graph, node by node."""

    def __init__(self, read: Collection[Value], differentiated: Collection[Value], precision: Precision) -> None:
        self.read, self.differentiated, self.precision = read, differentiated, precision
        self.nodes: list[Numbered] = []
        self.stand_ins: dict[Value, Value] = {}  # for Values of the graph as written that are of another dtype now
        self.casts: dict[tuple[Value, str], Value] = {}
        self.full: set[Value] = set()  # results of full precision, which what is computed from them keeps

    def lower(self, number: int, node: Node) -> None:
        dtype = self.dtype_of(node)
        inputs = {name: self.converted(number, argument, dtype) for name, argument in node.inputs.items()}
        new = self.planned(node, inputs)
        self.nodes.append((number, new))
        for old, value in zip(node.outputs.values(), new.outputs.values(), strict=True):
            if value is not old:
                self.stand_in(number, old, value)
            if dtype == self.precision.master or node.layer.computes_in == MIXED:
                self.full.add(old)

    def dtype_of(self, node: Node) -> str | None:
        """What inputs of a node are converted to; None for one that takes them as they come, or has none to convert."""
        floats = [value for value in node.input_values() if value.spec.is_float]
        wanted = node.layer.computes_in
        if not floats or wanted == MIXED:
            return None
        full = wanted == FULL or (wanted != HALF and any(value in self.full for value in floats))
        return self.precision.master if full else self.precision.compute

    def converted(self, number: int, argument: Argument, dtype: str | None) -> Any:
        if isinstance(argument, tuple):
            return tuple(self.converted(number, value, dtype) for value in argument)
        if argument is None or not argument.spec.is_float:
            return argument
        value = self.stand_ins.get(argument, argument)
        return value if dtype is None else self.cast(number, value, dtype)

    def cast(self, number: int, value: Value, dtype: str) -> Value:
        """The Value in this dtype, converted once for all that read it."""
        if value.dtype == dtype:
            return value
        if (value, dtype) not in self.casts:
            self.casts[value, dtype] = made = Cast(dtype)(value)
            self.nodes.append((number, made.node))
        return self.casts[value, dtype]

    def stand_in(self, number: int, old: Value, value: Value) -> None:
        """Let `value` take the place of `old`; where that is wanted from outside, it is computed from `value`."""
        self.stand_ins[old] = value
        if old in self.read or old in self.differentiated:
            layer = Cast(old.dtype)
            node = layer.node({"x": value}, layer.plan(value.spec))
            node.outputs = {"y": old}
            self.nodes.append((number, node))
        if old in self.differentiated:
            self.stand_ins[old] = old

    def planned(self, node: Node, inputs: dict[str, Argument]) -> Node:
        """The node for other inputs; an output that stays what it was is the same Value."""
        if inputs == node.inputs:
            return node
        arrays = node.layer.planned(inputs)
        new = node.layer.node(inputs, arrays)
        pairs = zip(arrays.outputs.items(), node.outputs.values(), strict=True)
        new.outputs = {name: old if old.spec == spec else Value(spec, new, old.name) for (name, spec), old in pairs}
        return new
