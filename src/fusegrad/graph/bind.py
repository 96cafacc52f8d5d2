"""The last phase: calls become functions of no arguments, with every array in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fusegrad.backend import Backend
from fusegrad.graph.arena import ParamArena
from fusegrad.graph.calls import SEED, STEP, Call
from fusegrad.graph.plan import Plan
from fusegrad.graph.schedule import Schedule
from fusegrad.graph.spec import Buffer, Constant, GraphError, Spec, require
from fusegrad.graph.value import Node, Value
from fusegrad.ops import Op

UNSIGNED = {np.dtype(kind).itemsize: np.dtype(kind) for kind in ("u1", "u2", "u4", "u8")}

Pass = list[Callable[[], None]]


@dataclass(frozen=True)
class Bound:
    """The passes with every pointer fixed, and the arrays behind the buffers."""

    feeds: Sequence[Callable[[Any], None]]
    forward: Pass
    backward: Pass
    adding: Pass
    arrays: Mapping[Buffer, Any]


def bind(
    schedule: Schedule, plan: Plan, inputs: Sequence[Value], nodes: Sequence[Node], arena: ParamArena, memory: Any
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
        functions = [launched(call.function, arena.backend) for call in calls]
        arguments = [[resolve(item, arrays) for item in call.arguments] for call in calls]
        return [partial(function, *items) for function, items in zip(functions, arguments, strict=True)]

    feeds = [partial(feed, arena.backend, i, value, arrays[value.data]) for i, value in enumerate(inputs)]
    return Bound(feeds, bound(schedule.forward), bound(schedule.backward), bound(schedule.adding), arrays)


def view(memory: Any, offset: int, spec: Spec) -> Any:
    return memory[offset : offset + spec.nbytes].view(spec.dtype).reshape(spec.shape)


def launched(function: Callable[..., None], backend: Backend) -> Callable[..., None]:
    """What runs on this backend where a pass is an op, chosen here once instead of at every call."""
    if isinstance(function, Op):
        return function.reference if backend.xp is np else function.launch
    return function


def resolve(argument: Any, arrays: Mapping[Buffer, Any]) -> Any:
    if isinstance(argument, tuple):
        return tuple(resolve(item, arrays) for item in argument)
    return arrays[argument] if isinstance(argument, Buffer) else argument


def feed(backend: Backend, position: int, value: Value, destination: Any, array: Any) -> None:
    """Copy one array of a batch into its place, after checking that it fits."""
    source = array if hasattr(array, "dtype") else np.asarray(array)
    if source.shape != destination.shape or source.dtype != destination.dtype:
        check_fit(position, value, source)
    if value.limit is not None:
        check_indices(position, value, source)
    backend.copy_in(destination, source)


def check_fit(position: int, value: Value, source: Any) -> None:
    owner = value.name or f"input {position}"
    require(source.shape == value.spec.shape, owner, f"shape {value.spec.shape}", source.shape)
    fits = np.can_cast(source.dtype, value.spec.dtype, casting="same_kind")
    require(fits, owner, f"dtype {value.spec.dtype}", source.dtype)


def check_indices(position: int, value: Value, source: Any) -> None:
    unsigned = source.view(UNSIGNED[source.itemsize])  # negative numbers become the largest: one search finds both kinds
    wrong = source.item(int(unsigned.argmax()))
    if not 0 <= wrong < (value.limit or 0):
        raise GraphError(f"{value.name or f'input {position}'} expects integers in 0 .. {value.limit}-1, got {wrong}")
