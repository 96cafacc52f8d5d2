"""The phases between a traced graph and bound calls: lower, fuse, schedule, join, plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from fusegrad.graph.chaining import chained
from fusegrad.graph.fuse import Numbered, fuse
from fusegrad.graph.lowering import lowered
from fusegrad.graph.plan import Plan, plan_memory
from fusegrad.graph.schedule import Schedule, make_schedule
from fusegrad.ops import BoundOp, Op

if TYPE_CHECKING:
    from fusegrad.graph.program import Program


def numbered(program: Program) -> list[Numbered]:
    """The nodes with their numbers in the graph as written, in the precision of the arena."""
    if not program.arena.precision.is_mixed:
        return list(enumerate(program.nodes))
    return lowered(program.nodes, program.keep, program.gradients_of, program.arena.precision)


def written(program: Program) -> Schedule:
    """The calls of the graph with its nodes as they were written."""
    return make_schedule(numbered(program), program.outputs[0], program.arena.dtype, program.demand)


def scheduled(program: Program) -> Schedule:
    """The calls that run: of fused nodes, with backward passes of neighbours joined."""
    fused = fuse(numbered(program), program.keep + program.gradients_of)
    schedule = make_schedule(fused, program.outputs[0], program.arena.dtype, program.demand)
    kept = [value.grad for value in program.gradients_of]
    backward, adding = (chained(calls, kept) for calls in (schedule.backward, schedule.adding))
    return replace(schedule, backward=backward, adding=adding)


def planned(program: Program) -> Plan:
    """A place for every array of the schedule."""
    kept = [*(value.data for value in program.keep), *(value.grad for value in program.gradients_of)]
    if program.demand.scaled:
        kept.append(program.outputs[0].grad)  # by which `Program.gradient` divides
    calls = program.schedule.forward + program.schedule.adding  # which names every buffer that `backward` names
    given = [value.data for value in program.inputs]
    return plan_memory(calls, given, kept, program.arena.backend.alignment)


def obstacle(schedule: Schedule) -> str | None:
    """The first pass of a step that cannot be captured, since what it does with arrays of a GPU is not known."""
    calls = [*schedule.forward, *schedule.backward]
    return next((call.label for call in calls if not launches_kernels(call.function)), None)


def launches_kernels(function: Callable[..., None]) -> bool:
    """Whether a pass is an op that has kernels, or is composed of such."""
    return isinstance(function, BoundOp) or (isinstance(function, Op) and function.bind_cuda is not None)
