"""Branches of a graph that nothing orders and that use the same memory."""

from __future__ import annotations

from collections.abc import Sequence

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.capture import Node
from cuda_on_cpu.stand_in.frozen import FrozenArray
from cuda_on_cpu.stand_in.memory import overlap
from cuda_on_cpu.stand_in.pinned import PinnedSpan


def require_no_races(nodes: Sequence[Node]) -> None:
    """LaunchError where of two nodes, none of which comes after the other, one writes what the other uses."""
    for later in nodes:
        unordered = ((1 << later.number) - 1) & ~later.follows
        for number in bits(unordered):
            require_apart(nodes[number], later)


def bits(mask: int) -> list[int]:
    return [number for number, digit in enumerate(reversed(f"{mask:b}")) if digit == "1"]


def require_apart(one: Node, other: Node) -> None:
    for memory, writes in one.uses:
        for other_memory, other_writes in other.uses:
            if (writes or other_writes) and meet(memory, other_memory):
                verbs = ["writes" if does else "reads" for does in (writes, other_writes)]
                raise LaunchError(
                    f"a race between branches of a graph: {one.title} {verbs[0]} and {other.title} {verbs[1]} the "
                    f"same memory at {max(memory.bounds[0], other_memory.bounds[0]):#x}, and no event orders them"
                )


def meet(one: FrozenArray | PinnedSpan, other: FrozenArray | PinnedSpan) -> bool:
    if isinstance(one, FrozenArray) and isinstance(other, FrozenArray):
        return overlap(one.host, other.host)
    return one.bounds[0] < other.bounds[1] and other.bounds[0] < one.bounds[1]
