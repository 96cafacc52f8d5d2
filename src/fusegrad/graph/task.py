"""What a program is to do: a graph as it was written, over an arena, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fusegrad.graph.arena import ParamArena
from fusegrad.graph.demand import Demand, check_graph
from fusegrad.graph.spec import require
from fusegrad.graph.value import Node, Value, toposort
from fusegrad.ops import Op

Afterwards = Sequence[tuple[Op, tuple[Any, ...]]]


@dataclass(frozen=True)
class Task:
    """The arguments of a `Program`, which explains them.

    `keep` are the outputs and whatever else is to be read after a step; `nodes` are all that compute it, in order.
    """

    inputs: list[Value]
    outputs: list[Value]
    keep: list[Value]
    gradients_of: list[Value]
    afterwards: Afterwards
    nodes: list[Node]
    arena: ParamArena
    demand: Demand

    @property
    def loss(self) -> Value:
        """The first output, which is the only one where the task is to train."""
        return self.outputs[0]

    @property
    def has_loss(self) -> bool:
        """Whether the output is one floating-point number."""
        return len(self.outputs) == 1 and self.loss.shape == () and self.loss.spec.is_float


def whole_graph(
    inputs: Sequence[Value], outputs: Sequence[Value], keep: Sequence[Value], afterwards: Afterwards, arena: ParamArena
) -> tuple[list[Value], list[Node]]:
    """All that is to be read, and the nodes behind it; GraphError where inputs are missing or parameters elsewhere."""
    require(len(outputs) > 0, "Program", "an output", outputs)
    read_afterwards = [item for _, arguments in afterwards for item in arguments if isinstance(item, Value)]
    ends = [*outputs, *keep, *read_afterwards]
    nodes = toposort(ends)
    check_graph(nodes, inputs, ends, arena)
    return ends, nodes
