"""The phases between a traced graph and bound calls: lower, fold, fuse, schedule, join, plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fusegrad.graph.alias import aliases
from fusegrad.graph.chaining import chained
from fusegrad.graph.fold import folded
from fusegrad.graph.fuse import Numbered, fuse
from fusegrad.graph.plan import Plan, plan_memory
from fusegrad.graph.schedule import Schedule, make_schedule
from fusegrad.graph.task import Task
from fusegrad.ops import BoundOp, Op


def numbered(task: Task) -> list[Numbered]:
    """The nodes with their numbers in the graph as written, in the precision of the arena."""
    if not task.arena.precision.is_mixed:
        return list(enumerate(task.nodes))
    from fusegrad.graph.lowering import lowered  # here, since a CPU does not need it

    return lowered(task.nodes, task.keep, task.gradients_of, task.arena.precision)


def written(task: Task) -> Schedule:
    """The calls of the graph with its nodes as they were written."""
    return make_schedule(numbered(task), task.loss, task.arena.dtype, task.demand)


def scheduled(task: Task) -> Schedule:
    """The calls that run: of fused nodes, with backward passes of neighbours joined."""
    nodes, wanted = numbered(task), task.keep + task.gradients_of
    fused = fuse(nodes if task.demand else folded(nodes, wanted), wanted)
    schedule = make_schedule(fused, task.loss, task.arena.dtype, task.demand)
    kept = [value.grad for value in task.gradients_of]
    backward, adding = (chained(calls, kept) for calls in (schedule.backward, schedule.adding))
    return replace(schedule, backward=backward, adding=adding)


def planned(task: Task, schedule: Schedule) -> Plan:
    """A place for every array of the schedule."""
    kept = [*(value.data for value in task.keep), *(value.grad for value in task.gradients_of)]
    if task.demand.scaled:
        kept.append(task.loss.grad)  # by which `Program.gradient` divides
    calls = schedule.forward + schedule.adding  # which names every buffer that `backward` names
    given = [value.data for value in task.inputs]
    return plan_memory(calls, given, kept, task.arena.backend.alignment, aliases(calls, given, kept))


def launches_kernels(function: Callable[..., None]) -> bool:
    """Whether a pass is an op that has kernels, or is composed of such."""
    return isinstance(function, BoundOp) or (isinstance(function, Op) and function.bind_cuda is not None)
