"""Fewer nodes where nothing is learnt: a layer that scales what a product makes becomes part of its weights.

The weights are folded anew in every run, since parameters may have changed; that is little beside the product.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from fusegrad.graph.fuse import Numbered, readers_of
from fusegrad.graph.layer import Layer
from fusegrad.graph.spec import Spec
from fusegrad.graph.value import Node, Value


@runtime_checkable
class Folds(Protocol):
    """A layer of one input and one output that can be folded into the weights of the layer before it."""

    def folds(self, producer: Layer, x: Spec) -> tuple[Layer, Layer] | None:
        """Two layers that compute what `producer` and then this one do, whose input is x; None where there are none.

        The first has no inputs: it makes a weight and a bias of the parameters of both.  The second takes these as the
        inputs `weight` and `bias`, beside those of the producer.
        """


def folded(nodes: Sequence[Numbered], kept: Collection[Value]) -> list[Numbered]:
    """The nodes of an evaluating program, layers being folded where they can; no Value of `kept` is left out."""
    readers = readers_of(nodes, kept)
    made: dict[Value, Numbered] = {}
    result: dict[Numbered, None] = {}
    for index, node in nodes:
        source = source_of(node)
        producer = made.get(source) if source is not None and readers[source] == 1 else None
        pair = None if producer is None else in_one(producer[1], node)
        if producer is not None and pair is not None:
            result.pop(producer)
            result |= dict.fromkeys((producer[0], part) for part in pair)
        else:
            result[index, node] = None
            made |= dict.fromkeys(node.outputs.values(), (index, node))
    return list(result)


def source_of(node: Node) -> Value | None:
    """The one input of a node whose layer may be folded."""
    values = list(node.input_values())
    return values[0] if isinstance(node.layer, Folds) and len(values) == 1 else None


def in_one(producer: Node, node: Node) -> tuple[Node, Node] | None:
    """The node that folds the weights, and the one that computes the outputs of `node` with them."""
    (x,) = node.input_values()
    layers = node.layer.folds(producer.layer, x.spec) if isinstance(node.layer, Folds) else None
    if layers is None:
        return None
    folding, product = layers
    arrays = folding.planned({})
    first = folding.node({}, arrays)
    first.outputs = {name: Value(spec, first) for name, spec in arrays.outputs.items()}
    weight, bias = first.outputs.values()
    return first, product.in_place_of(node, {**producer.inputs, "weight": weight, "bias": bias})
