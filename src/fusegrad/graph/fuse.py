"""Fewer nodes for the same graph: runs of elementwise layers become one node, or the epilogue of the layer before.

What the user writes, an activation as an argument or as a layer of its own, makes no difference to what runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from fusegrad.expr.functions import combined
from fusegrad.expr.node import argument
from fusegrad.graph.elementwise import Elementwise
from fusegrad.graph.value import Node, Value

Numbered = tuple[int, Node]  # a node with its place among all nodes of the graph, the coordinate of its random draws


def fuse(nodes: Sequence[Numbered], kept: Collection[Value]) -> list[Numbered]:
    """The nodes that compute the same, fewer where possible; no Value of `kept` is left out."""
    readers = readers_of(nodes, kept)
    fused: dict[Value, Numbered] = {}  # by the output of nodes with one output
    result: dict[Numbered, None] = {}
    for index, node in nodes:
        new = node
        if is_elementwise(node):
            for value in list(node.input_values()):
                producer = fused.get(value)
                if producer is not None and readers[value] == 1 and value in new.input_values():
                    joined = absorbed(producer[1], new) or composed(producer[1], value, new)
                    if joined is not None:
                        result.pop(producer)
                        new = joined
        numbered = index, new
        result[numbered] = None
        if len(node.outputs) == 1:
            fused[next(iter(node.outputs.values()))] = numbered
    return list(result)


def readers_of(nodes: Sequence[Numbered], kept: Collection[Value]) -> Counter[Value]:
    """How many nodes read each Value, or want it kept."""
    readers = Counter(value for _, node in nodes for value in set(node.input_values()))
    readers.update(kept)
    return readers


def is_elementwise(node: Node) -> bool:
    """Whether a node computes each element of its output from those of its inputs at the same place."""
    if node.layer.elementwise is None:
        return False
    (output,) = node.outputs.values()
    return all(value.spec == output.spec for value in node.input_values())


def absorbed(producer: Node, consumer: Node) -> Node | None:
    """One node whose layer does both, the function of the consumer being its epilogue; None where it cannot."""
    function = consumer.layer.elementwise
    if function is None or len(function.arguments) != 1:
        return None
    layer = producer.layer.absorb(function)
    return None if layer is None else layer.in_place_of(consumer, producer.inputs)


def composed(producer: Node, value: Value, consumer: Node) -> Node | None:
    """One elementwise node for two, the first of which computes `value` for the second."""
    inner, outer = producer.layer.elementwise, consumer.layer.elementwise
    if inner is None or outer is None or not is_elementwise(producer):
        return None
    sources = list(dict.fromkeys(v for v in (*producer.input_values(), *consumer.input_values()) if v is not value))
    names = {source: f"x{i}" for i, source in enumerate(sources)}
    inside = inner(*(argument(names[source]) for source in producer.input_values()))
    outside = outer(*(inside if source is value else argument(names[source]) for source in consumer.input_values()))
    function = combined(f"{outer}_{inner}", tuple(names.values()), outside)
    return Elementwise(function).in_place_of(consumer, {name: source for source, name in names.items()})
