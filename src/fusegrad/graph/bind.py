"""The last phase: calls become functions of no arguments, with every array in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from fusegrad.backend.base import Feed
from fusegrad.backend.dtypes import dtype_of
from fusegrad.graph.calls import LOSS_SCALE, SEED, STEP, Call
from fusegrad.graph.feed import Place, index_limits
from fusegrad.graph.optimization import OptimizerState
from fusegrad.graph.plan import Plan
from fusegrad.graph.scalar import Ring
from fusegrad.graph.schedule import Schedule
from fusegrad.graph.spec import Buffer, Constant, Spec
from fusegrad.graph.task import Task
from fusegrad.graph.value import Value
from fusegrad.ops import Op, counter
from fusegrad.ops.op import InTurn

Pass = list[Callable[[], None]]


@dataclass(frozen=True)
class Bound:
    """The passes with every pointer fixed, the arrays behind the buffers, and the way in for those of a batch.

    `feed` copies a batch to its places and then, in programs with an optimizer, the numbers of the next update to
    theirs.  A forward pass ends by delivering the loss.  `adding` is bound when first asked for: few programs need it,
    and its ops have space of their own.
    """

    places: Sequence[Place]
    feed: Feed
    forward: Pass
    backward: Pass
    step: Pass  # forward, backward and update in one, and what follows them
    arrays: Mapping[Buffer, Any]
    bind_adding: Callable[[], Pass]

    @cached_property
    def adding(self) -> Pass:
        return self.bind_adding()


def bind(
    task: Task, schedule: Schedule, plan: Plan, memory: Any, state: OptimizerState | None, ring: Ring | None
) -> Bound:
    """Lay arrays over `memory` as planned, add those of the arena, and bind all calls to them."""
    arena = task.arena
    arrays = laid_out(task, schedule, plan, memory)
    forward, backward = (bound_calls(c, arrays, arena.backend.evaluator) for c in (schedule.forward, schedule.backward))
    if schedule.trained:
        counting = counter.count.bound(arena.backend.evaluator, arena.step)
        forward.insert(0, counting)  # before all draws, so that backward can repeat them
    if ring is not None:
        forward.append(ring.delivery(arrays[task.loss.data]))
    places = places_of(task, arrays)
    numbers, updates = ([], []) if state is None else ([state.device], state.updates)
    feed = arena.backend.feeder([*(place.destination for place in places), *numbers])
    ending = [
        op.bound(arena.backend.evaluator, *(arrays[x.data] if isinstance(x, Value) else x for x in arguments))
        for op, arguments in task.afterwards
    ]
    step = [*single([*forward, *backward, *updates, *ending])]
    return Bound(places, feed, forward, backward, step, arrays, partial(adding_pass, task, schedule, arrays))


def adding_pass(task: Task, schedule: Schedule, arrays: Mapping[Buffer, Any]) -> Pass:
    backend = task.arena.backend
    with backend.using_stream(), task.arena.precision.while_binding():
        return bound_calls(schedule.adding, arrays, backend.evaluator)


def laid_out(task: Task, schedule: Schedule, plan: Plan, memory: Any) -> dict[Buffer, Any]:
    """The array of every buffer: in `memory`, in the arena, or a constant."""
    arena, offsets = task.arena, plan.offsets.items()
    arrays = {buffer: view(memory, offset, buffer.spec) for buffer, offset in offsets if buffer.spec}
    arrays |= {SEED: arena.seed, STEP: arena.step}
    if arena.scaling is not None:
        arrays[LOSS_SCALE] = arena.scaling.factor
    for param in dict.fromkeys(param for node in task.nodes for param in node.layer.layer_params().values()):
        arrays |= arena.arrays_of(param)
    used = (buffer for call in [*schedule.forward, *schedule.backward] for buffer in call.buffers())
    return arrays | {buffer: arena.backend.asarray(buffer.array) for buffer in used if isinstance(buffer, Constant)}


def places_of(task: Task, arrays: Mapping[Buffer, Any]) -> list[Place]:
    """Where the arrays of a batch go."""
    limits = index_limits(task.nodes)
    named = [(value.name or f"input {i}", value) for i, value in enumerate(task.inputs)]
    return [Place(name, arrays[value.data], limits.get(value, ())) for name, value in named]


def bound_calls(calls: Sequence[Call], arrays: Mapping[Buffer, Any], evaluator: str) -> Pass:
    arguments = [[resolve(item, arrays) for item in call.arguments] for call in calls]
    return [bound_call(call.function, items, evaluator) for call, items in zip(calls, arguments, strict=True)]


def single(calls: Pass) -> Iterator[Callable[[], None]]:
    """The calls one by one, without the lists in which ops have put some of them."""
    for call in calls:
        if isinstance(call, InTurn):
            yield from single(call.calls)
        else:
            yield call


def view(memory: Any, offset: int, spec: Spec) -> Any:
    return memory[offset : offset + spec.nbytes].view(dtype_of(spec.dtype)).reshape(spec.shape)


def bound_call(function: Callable[..., None], arguments: Sequence[Any], evaluator: str) -> Callable[[], None]:
    """A pass on its arrays; one that is an op does beforehand what can be done once."""
    return function.bound(evaluator, *arguments) if isinstance(function, Op) else partial(function, *arguments)


def resolve(argument: Any, arrays: Mapping[Buffer, Any]) -> Any:
    if isinstance(argument, tuple):
        return tuple(resolve(item, arrays) for item in argument)
    return arrays[argument] if isinstance(argument, Buffer) else argument
