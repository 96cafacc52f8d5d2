"""From a traced graph to the lists of calls that a step makes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fusegrad.errors import perhaps
from fusegrad.graph.layer import buffers_of
from fusegrad.graph.param import Param
from fusegrad.graph.spec import Buffer, GraphError, Spec
from fusegrad.graph.value import Node, Value
from fusegrad.ops import elementwise

if TYPE_CHECKING:
    from fusegrad.graph.arena import ParamArena


@dataclass(frozen=True)
class Call:
    """One step of a schedule: a function and, in the order of its parameters, buffers, tuples of them, constants."""

    label: str
    function: Callable[..., None]
    arguments: tuple[Any, ...]

    def buffers(self) -> Iterator[Buffer]:
        for argument in self.arguments:
            for item in argument if isinstance(argument, tuple) else (argument,):
                if isinstance(item, Buffer):
                    yield item


@dataclass(frozen=True)
class Schedule:
    """The calls of a program.  `adding` is `backward` with parameter gradients added to instead of overwritten."""

    forward: list[Call]
    backward: list[Call]
    adding: list[Call]
    trained: list[Param]


@dataclass(frozen=True)
class Demand:
    """What a program wants gradients of; `every_one`: it is an error if one of the parameters gets none."""

    params: Collection[Param]
    values: Collection[Value]
    every_one: bool

    def __bool__(self) -> bool:
        return bool(self.params or self.values)


def make_schedule(nodes: Sequence[Node], loss: Value, arena: ParamArena, demand: Demand) -> Schedule:
    """Schedule forward and, where gradients are wanted, backward; without any, layers run their `predict`."""
    if not demand:
        return Schedule([forward_call(i, node, arena, predicting=True) for i, node in enumerate(nodes)], [], [], [])
    forward = [forward_call(i, node, arena, predicting=False) for i, node in enumerate(nodes)]
    backward = BackwardScheduler(nodes, loss, arena, demand)
    calls = backward.run(add_to_params=False)
    return Schedule(forward, calls, backward.run(add_to_params=True), list(backward.reached))


def forward_call(index: int, node: Node, arena: ParamArena, predicting: bool) -> Call:
    layer = node.layer
    function = getattr(layer, "predict", layer.forward) if predicting else layer.forward
    return make_call(node, function, known_arrays(index, node, arena))


def known_arrays(index: int, node: Node, arena: ParamArena) -> dict[str, Any]:
    """Everything that a pass of this node may name, except gradients."""
    known: dict[str, Any] = {name: buffers_of(argument, "data") for name, argument in node.inputs.items()}
    known |= {name: value.data for name, value in node.outputs.items()} | node.extra
    known |= {name: param.data for name, param in node.layer.layer_params().items()}
    known |= dict.fromkeys(node.layer.absent())
    return known | {"seed": arena.seed_buffer, "step": arena.step_buffer, "node": index}


def make_call(node: Node, function: Callable[..., None], known: dict[str, Any]) -> Call:
    label = f"{type(node.layer).__name__}.{function.__name__}"
    names = parameters(function)
    for name in names:
        if name not in known:
            raise GraphError(f"{label} names {name!r}, which is not an array of this layer{perhaps(name, known)}")
    return Call(label, function, tuple(known[name] for name in names))


def parameters(function: Callable[..., None]) -> list[str]:
    """Names of the parameters of a pass, without `self`."""
    return list(inspect.signature(function).parameters)


class BackwardScheduler:
    """Walks the nodes in reverse and decides, for every gradient, who writes it and who adds to it.

    The first writer of a gradient writes, later ones add: by themselves where their pass names `add_d<name>`, else into
    a buffer aside that is then accumulated.  There is no zero fill, except for an output that nobody differentiates.
    """

    def __init__(self, nodes: Sequence[Node], loss: Value, arena: ParamArena, demand: Demand) -> None:
        self.nodes, self.loss, self.arena, self.demand = nodes, loss, arena, demand
        self.needed = values_on_the_way(nodes, demand)
        self.reached: dict[Param, None] = {}
        self.written: set[Buffer] = set()
        self.calls: list[Call] = []
        self.asides: dict[tuple[int, str], Buffer] = {}  # both runs use the same ones, so that one plan serves both

    def run(self, add_to_params: bool) -> list[Call]:
        self.written = {param.gradient for param in self.demand.params} if add_to_params else set()
        self.written.add(self.loss.grad)
        self.calls = [Call("gradient of the loss", elementwise.fill, (self.loss.grad, 1.0))]
        for index in reversed(range(len(self.nodes))):
            self.differentiate(index, self.nodes[index])
        self.check_reached()
        return self.calls

    def differentiate(self, index: int, node: Node) -> None:
        backward = node.layer.backward
        params = {n: p for n, p in node.layer.layer_params().items() if p in self.demand.params}
        wanted = bool(params) or any(value in self.needed for value in node.input_values())
        outputs = node.outputs.values()
        if backward is None or not wanted or not any(value.grad in self.written for value in outputs):
            return
        known = known_arrays(index, node, self.arena)
        for name, value in node.outputs.items():
            known[f"d{name}"] = value.grad
            if value.grad not in self.written:
                self.calls.append(Call("zero gradient", elementwise.fill, (value.grad, 0.0)))
        targets = Targets(self.written, parameters(backward), partial(self.aside, index))
        for name, argument in node.inputs.items():
            known |= targets.for_input(name, argument, self.needed)
        for name, param in node.layer.layer_params().items():
            spec = Spec(param.shape, self.arena.dtype) if name in params else None
            known |= targets.one(name, param.gradient if spec else None, spec)
        known |= {f"{kind}{name}": None for name in node.layer.absent() for kind in ("d", "add_d")}
        self.reached |= dict.fromkeys(params.values())
        call = make_call(node, backward, known)
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

    def for_input(self, name: str, argument: Any, needed: Collection[Value]) -> dict[str, Any]:
        if not isinstance(argument, tuple):
            return self.one(name, argument.grad if argument in needed else None, argument and argument.spec)
        targets = [value.grad if value in needed else None for value in argument]
        parts = [self.one(f"{name}{i}", target, argument[i].spec) for i, target in enumerate(targets)]
        return {f"d{name}": tuple(part[f"d{name}{i}"] for i, part in enumerate(parts))}

    def one(self, name: str, target: Buffer | None, spec: Spec | None) -> dict[str, Any]:
        """`d<name>`, the buffer that the pass is to write, and `add_d<name>`, whether it is to add to what is there."""
        if target is None or spec is None:
            return {f"d{name}": None, f"add_d{name}": False}
        first, twice = target not in self.written, target in self.buffers.values()
        adds = not first and not twice and f"add_d{name}" in self.names
        buffer = target if first or adds else self.aside(name, spec)
        if buffer is not target:
            self.additions.append(Call("accumulate", elementwise.accumulate, (buffer, target)))
        self.written.add(target)
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
