"""The last phase: calls become functions of no arguments, with every array in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fusegrad.graph.arena import ParamArena
from fusegrad.graph.calls import SEED, STEP, Call
from fusegrad.graph.feed import Place, index_limits
from fusegrad.graph.plan import Plan
from fusegrad.graph.schedule import Schedule
from fusegrad.graph.spec import Buffer, Constant, Spec
from fusegrad.graph.value import Node, Value
from fusegrad.ops import Op, counter
from fusegrad.ops.op import InTurn

Pass = list[Callable[[], None]]


@dataclass(frozen=True)
class Bound:
    """The passes with every pointer fixed, and the arrays behind the buffers."""

    places: Sequence[Place]
    forward: Pass
    backward: Pass
    adding: Pass
    step: Pass  # forward, backward and update in one
    arrays: Mapping[Buffer, Any]


def bind(
    schedule: Schedule,
    plan: Plan,
    inputs: Sequence[Value],
    nodes: Sequence[Node],
    arena: ParamArena,
    memory: Any,
    updates: Pass,
) -> Bound:
    """Lay arrays over `memory` as planned, add those of the arena, and bind all calls to them."""
    arrays = {buffer: view(memory, offset, buffer.spec) for buffer, offset in plan.offsets.items() if buffer.spec}
    arrays |= {SEED: arena.seed, STEP: arena.step}
    for param in dict.fromkeys(param for node in nodes for param in node.layer.layer_params().values()):
        arrays[param.data] = arena.view(param)
        if param.trainable:
            arrays[param.gradient] = arena.grad_view(param)

    used = (buffer for call in [*schedule.forward, *schedule.backward] for buffer in call.buffers())
    arrays |= {buffer: arena.backend.asarray(buffer.array) for buffer in used if isinstance(buffer, Constant)}

    def bound(calls: Sequence[Call]) -> Pass:
        arguments = [[resolve(item, arrays) for item in call.arguments] for call in calls]
        pairs = zip(calls, arguments, strict=True)
        return [bound_call(call.function, items, arena.backend.evaluator) for call, items in pairs]

    limits = index_limits(nodes)
    named = [(value.name or f"input {i}", value) for i, value in enumerate(inputs)]
    places = [Place(name, arrays[value.data], limits.get(value, ())) for name, value in named]
    forward, backward, adding = (bound(calls) for calls in (schedule.forward, schedule.backward, schedule.adding))
    if schedule.trained:
        counting = counter.count.bound(arena.backend.evaluator, arena.step)
        forward.insert(0, counting)  # before all draws, so that backward can repeat them
    return Bound(places, forward, backward, adding, [*single([*forward, *backward, *updates])], arrays)


def single(calls: Pass) -> Iterator[Callable[[], None]]:
    """The calls one by one, without the lists in which ops have put some of them."""
    for call in calls:
        if isinstance(call, InTurn):
            yield from single(call.calls)
        else:
            yield call


def view(memory: Any, offset: int, spec: Spec) -> Any:
    return memory[offset : offset + spec.nbytes].view(spec.dtype).reshape(spec.shape)


def bound_call(function: Callable[..., None], arguments: Sequence[Any], evaluator: str) -> Callable[[], None]:
    """A pass on its arrays; one that is an op does beforehand what can be done once."""
    return function.bound(evaluator, *arguments) if isinstance(function, Op) else partial(function, *arguments)


def resolve(argument: Any, arrays: Mapping[Buffer, Any]) -> Any:
    if isinstance(argument, tuple):
        return tuple(resolve(item, arrays) for item in argument)
    return arrays[argument] if isinstance(argument, Buffer) else argument
