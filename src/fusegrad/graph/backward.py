"""Which backward calls a program needs, and who writes and who adds to each gradient."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from fusegrad.graph.calls import LOSS_SCALE, Call, known_arrays, make_call, parameters
from fusegrad.graph.demand import Demand
from fusegrad.graph.fuse import Numbered
from fusegrad.graph.param import Param
from fusegrad.graph.spec import Buffer, GraphError, Spec
from fusegrad.graph.value import Node, Value
from fusegrad.ops import elementwise


class BackwardScheduler:
    """Walks the nodes in reverse and decides, for every gradient, who writes it and who adds to it.

    The first writer of a gradient writes, later ones add: by themselves where their pass names `add_d<name>`, else into
    a buffer aside that is then accumulated.  There is no zero fill, except for an output that nobody differentiates.
    """

    def __init__(self, nodes: Sequence[Numbered], loss: Value, dtype: str, demand: Demand) -> None:
        self.nodes, self.loss, self.dtype, self.demand = nodes, loss, dtype, demand
        self.needed = values_on_the_way([node for _, node in nodes], demand)
        self.reached: dict[Param, None] = {}
        self.written: set[Buffer] = set()
        self.calls: list[Call] = []
        self.asides: dict[tuple[int, str], Buffer] = {}  # both runs use the same ones, so that one plan serves both

    def run(self, add_to_params: bool) -> list[Call]:
        self.written = {param.gradient for param in self.demand.params} if add_to_params else set()
        self.written.add(self.loss.grad)
        gradient, label = self.loss.grad, "gradient of the loss"
        if self.demand.scaled:
            start = Call(label, elementwise.copy, (LOSS_SCALE, gradient), frozenset([gradient]))
        else:
            start = Call(label, elementwise.fill, (gradient, 1.0), frozenset([gradient]))
        self.calls = [start]
        for index, node in reversed(self.nodes):
            self.differentiate(index, node)
        self.check_reached()
        return self.calls

    def differentiate(self, index: int, node: Node) -> None:
        backward = node.layer.backward
        params = {n: p for n, p in node.layer.layer_params().items() if p in self.demand.params}
        wanted = bool(params) or any(value in self.needed for value in node.input_values())
        outputs = node.outputs.values()
        if backward is None or not wanted or not any(value.grad in self.written for value in outputs):
            return
        names = parameters(backward)
        known: dict[str, Any] = {f"{kind}{name}": None for name in node.layer.absent() for kind in ("d", "add_d")}
        known |= known_arrays(index, node)
        for name, value in node.outputs.items():
            known[f"d{name}"] = value.grad
            if value.grad not in self.written and f"d{name}" in names:
                self.calls.append(Call("zero gradient", elementwise.fill, (value.grad, 0.0), frozenset([value.grad])))
        targets = Targets(self.written, names, partial(self.aside, index))
        for name, argument in node.inputs.items():
            known |= targets.for_input(name, argument, self.needed)
        for name, param in node.layer.layer_params().items():
            spec = Spec(param.shape, self.dtype) if name in params else None
            known |= targets.one(name, param.gradient if spec else None, spec)
        self.reached |= dict.fromkeys(params.values())
        call = make_call(node, "backward", known, targets.buffers.values())
        check_writes(node, call, targets)
        self.calls += [call, *targets.additions]

    def aside(self, index: int, name: str, spec: Spec) -> Buffer:
        return self.asides.setdefault((index, name), Buffer(spec))

    def check_reached(self) -> None:
        for param in self.demand.params if self.demand.every_one else ():
            if param not in self.reached:
                raise GraphError(f"train= names {param.name}, but no gradient reaches it from the loss")
        for value in self.demand.values:
            if value.grad not in self.written:
                raise GraphError(f"gradients_of= names {value}, but no gradient reaches it from the loss")


def check_writes(node: Node, call: Call, targets: Targets) -> None:
    """Every gradient that is needed is one that the pass names; one that it leaves out would stay unwritten."""
    named = set(call.buffers())
    for name, buffer in targets.buffers.items():
        if buffer not in named:
            raise GraphError(f"{call.label} does not name {name!r}, the gradient that is needed; see fg.stop_gradient")


class Targets:
    """Where the gradients that one backward call computes are to go."""

    def __init__(self, written: set[Buffer], names: Collection[str], aside: Callable[[str, Spec], Buffer]) -> None:
        self.written, self.names, self.aside = written, names, aside
        self.additions: list[Call] = []
        self.buffers: dict[str, Buffer] = {}
        self.met: set[Buffer] = set()

    def for_input(self, name: str, argument: Any, needed: Collection[Value]) -> dict[str, Any]:
        if not isinstance(argument, tuple):
            return self.one(name, argument.grad if argument in needed else None, argument and argument.spec)
        targets = [value.grad if value in needed else None for value in argument]
        parts = [self.one(f"{name}.{i}", target, argument[i].spec) for i, target in enumerate(targets)]
        return {f"d{name}": tuple(part[f"d{name}.{i}"] for i, part in enumerate(parts))}

    def one(self, name: str, target: Buffer | None, spec: Spec | None) -> dict[str, Any]:
        """`d<name>`, the buffer that the pass is to write, and `add_d<name>`, whether it is to add to what is there."""
        if target is None or spec is None:
            return {f"d{name}": None, f"add_d{name}": False}
        first, twice = target not in self.written, target in self.met
        adds = not first and not twice and f"add_d{name}" in self.names
        buffer = target if first or adds else self.aside(name, spec)
        if buffer is not target:
            self.additions.append(Call("accumulate", elementwise.accumulate, (buffer, target), frozenset([target])))
        self.written.add(target)
        self.met.add(target)
        self.buffers[f"d{name}"] = buffer
        return {f"d{name}": buffer, f"add_d{name}": adds}


def values_on_the_way(nodes: Sequence[Node], demand: Demand) -> set[Value]:
    """The values through which gradients must flow to reach what is demanded."""
    needed = set(demand.values)
    for node in nodes:
        learns = any(param in demand.params for param in node.layer.layer_params().values())
        if node.layer.backward is not None and (learns or any(value in needed for value in node.input_values())):
            needed |= {value for value in node.outputs.values() if value.spec.is_float}
    return needed
