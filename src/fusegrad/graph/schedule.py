"""From a traced graph to the lists of calls that a step makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fusegrad.graph.backward import BackwardScheduler
from fusegrad.graph.calls import Call, known_arrays, make_call
from fusegrad.graph.demand import Demand
from fusegrad.graph.fuse import Numbered
from fusegrad.graph.param import Param
from fusegrad.graph.spec import require
from fusegrad.graph.value import Node, Value


@dataclass(frozen=True)
class Schedule:
    """The calls of a program.  `adding` is `backward` with parameter gradients added to instead of overwritten."""

    forward: list[Call]
    backward: list[Call]
    adding: list[Call]
    trained: list[Param]


def make_schedule(nodes: Sequence[Numbered], loss: Value, dtype: str, demand: Demand) -> Schedule:
    """Schedule forward and, where gradients are wanted, backward; without any, layers run their `predict`.

    `dtype` is that of parameters and their gradients.
    """
    if not demand:
        return Schedule([forward_call(i, node, predicting=True) for i, node in nodes], [], [], [])
    forward = [forward_call(i, node, predicting=False) for i, node in nodes]
    for _, node in nodes:
        expected = "a method `backward`, or backward = None where no gradient is to flow"
        require(hasattr(node.layer, "backward"), node.layer, expected, "none")
    backward = BackwardScheduler(nodes, loss, dtype, demand)
    calls = backward.run(add_to_params=False)
    return Schedule(forward, calls, backward.run(add_to_params=True), list(backward.reached))


def forward_call(index: int, node: Node, predicting: bool) -> Call:
    name = "predict" if predicting and hasattr(node.layer, "predict") else "forward"
    require(hasattr(node.layer, name), node.layer, f"a method `{name}`", "none")
    call = make_call(node, name, known_arrays(index, node), [value.data for value in node.outputs.values()])
    named = set(call.buffers())
    for name, value in node.outputs.items():
        require(value.data in named, call.label, f"to be given its output {name!r}", "a pass that does not name it")
    return call
