"""Compiled loops over planes, which threads share out: a plane is worked on by one, so the same bits come of any."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

from fusegrad.expr.threads import run_together, shares
from fusegrad.ops.op import Bound, in_turn


def over_planes(array: Any, least: int, call: Callable[[slice], Bound]) -> Bound:
    """What `call` binds for some of the planes of an array, for all of them.

    `least` is the number of elements that are worth a thread; half as many take the time in which another wakes up.
    """
    if array.size == 0:
        return in_turn([])
    size = prod(array.shape[1:])
    calls = [call(part) for part in shares(len(array), max(1, least // size), 1, least // 2 // size)]
    return calls[0] if len(calls) == 1 else partial(run_together, calls)
