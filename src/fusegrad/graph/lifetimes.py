"""When every array of a schedule is alive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fusegrad.graph.calls import Call
from fusegrad.graph.spec import Buffer

Moments = dict[Buffer, int]


def lifetimes(calls: Sequence[Call], given: Iterable[Buffer], kept: Iterable[Buffer]) -> tuple[Moments, Moments]:
    """The first and the last call at which each buffer of the planner is alive.

    Those are the first and the last that name it; `given` ones are alive before, `kept` ones after all calls.
    """
    first = dict.fromkeys(given, 0)
    last = dict.fromkeys(first, 0)
    for index, call in enumerate(calls):
        for buffer in call.buffers():
            if buffer.spec is not None:
                first.setdefault(buffer, index)
                last[buffer] = index
    for buffer in kept:
        first.setdefault(buffer, 0)
        last[buffer] = len(calls)
    return first, last
