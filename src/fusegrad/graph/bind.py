"""The last phase: calls become functions of no arguments, with every array in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fusegrad.backend.base import Feed
from fusegrad.backend.dtypes import dtype_of
from fusegrad.graph.calls import LOSS_SCALE, SEED, STEP, Call
from fusegrad.graph.feed import Place, index_limits
from fusegrad.graph.spec import Buffer, Constant, Spec
from fusegrad.graph.value import Value
from fusegrad.ops import Op, counter
from fusegrad.ops.op import InTurn

if TYPE_CHECKING:
    from fusegrad.graph.program import Program

Pass = list[Callable[[], None]]


@dataclass(frozen=True)
class Bound:
    """The passes with every pointer fixed, the arrays behind the buffers, and the way in for those of a batch.

    `feed` copies a batch to its places and then, in programs with an optimizer, the numbers of the next update to
    theirs.  A forward pass ends by delivering the loss.
    """

    places: Sequence[Place]
    feed: Feed
    forward: Pass
    backward: Pass
    adding: Pass
    step: Pass  # forward, backward and update in one, and what follows them
    arrays: Mapping[Buffer, Any]


def bind(program: Program, memory: Any) -> Bound:
    """Lay arrays over `memory` as planned, add those of the arena, and bind all calls to them."""
    schedule, arena, state = program.schedule, program.arena, program.optimizer_state
    arrays = laid_out(program, memory)
    passes = schedule.forward, schedule.backward, schedule.adding
    forward, backward, adding = (bound_calls(calls, arrays, arena.backend.evaluator) for calls in passes)
    if schedule.trained:
        counting = counter.count.bound(arena.backend.evaluator, arena.step)
        forward.insert(0, counting)  # before all draws, so that backward can repeat them
    if program.ring is not None:
        forward.append(program.ring.delivery(arrays[program.outputs[0].data]))
    places = places_of(program, arrays)
    numbers = [] if state is None else [state.device]
    feed = arena.backend.feeder([*(place.destination for place in places), *numbers])
    ending = [
        op.bound(arena.backend.evaluator, *(arrays[x.data] if isinstance(x, Value) else x for x in arguments))
        for op, arguments in program.afterwards
    ]
    step = [*single([*forward, *backward, *program.updates, *ending])]
    return Bound(places, feed, forward, backward, adding, step, arrays)


def laid_out(program: Program, memory: Any) -> dict[Buffer, Any]:
    """The array of every buffer: in `memory`, in the arena, or a constant."""
    arena, schedule = program.arena, program.schedule
    offsets = program.plan.offsets.items()
    arrays = {buffer: view(memory, offset, buffer.spec) for buffer, offset in offsets if buffer.spec}
    arrays |= {SEED: arena.seed, STEP: arena.step}
    if arena.scaling is not None:
        arrays[LOSS_SCALE] = arena.scaling.factor
    for param in dict.fromkeys(param for node in program.nodes for param in node.layer.layer_params().values()):
        arrays |= arena.arrays_of(param)
    used = (buffer for call in [*schedule.forward, *schedule.backward] for buffer in call.buffers())
    return arrays | {buffer: arena.backend.asarray(buffer.array) for buffer in used if isinstance(buffer, Constant)}


def places_of(program: Program, arrays: Mapping[Buffer, Any]) -> list[Place]:
    """Where the arrays of a batch go."""
    limits = index_limits(program.nodes)
    named = [(value.name or f"input {i}", value) for i, value in enumerate(program.inputs)]
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
