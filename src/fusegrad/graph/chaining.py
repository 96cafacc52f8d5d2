"""Backward passes of neighbouring layers joined: the gradient that one hands to the one below leaves its product as dh.

Where y = f(h) of one layer goes to one other layer alone, the product that computes dy can end with dh = dy f'(h) and
the sums of dh that are the gradient of a bias: two passes over memory less, and one array.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from fusegrad.graph.calls import Call, named, parameters
from fusegrad.graph.spec import Buffer


def chained(calls: Sequence[Call], kept: Collection[Buffer]) -> list[Call]:
    """The calls of a backward pass with neighbours joined where that is possible; no gradient of `kept` is left out."""
    users = Counter(buffer for call in calls for buffer in set(call.buffers()))
    users.update(dict.fromkeys(kept, 2))
    waiting, result = list(reversed(calls)), []
    while waiting:
        upper = waiting.pop()
        lower = waiting[-1] if waiting else None
        if lower is not None and can_join(upper, lower, users):
            waiting[-1:] = reversed([*joined(upper, lower)])
        else:
            result.append(upper)
    return result


def can_join(upper: Call, lower: Call, users: Counter[Buffer]) -> bool:
    """Whether `upper` writes a gradient that nobody but `lower` reads, and both are of layers that can be joined."""
    if upper.chain is None or lower.chain is None:
        return False
    above, below = named(upper), named(lower)
    handed = above["dx"]
    return handed is not None and not above["add_dx"] and below["dy"] is handed and users[handed] == 2


def joined(upper: Call, lower: Call) -> Iterator[Call]:
    """What is left of the upper call, the product between both, and what is left of the lower one."""
    assert upper.chain is not None and lower.chain is not None
    above, below = named(upper), named(lower)
    own_dh, below_dh = above.get("dh", above["dy"]), below.get("dh", below["dy"])
    between = {"dh": own_dh, "weight": above["weight"], "dx": below_dh} | {
        name: below[name] for name in ("h", "y", "dbias", "add_dbias") if name in below
    }
    yield call_of(upper, upper.function, above | {"dx": None})
    through = upper.chain.through(lower.chain.function)
    writes = upper.writes | lower.writes
    yield call_of(replace(upper, label=f"{upper.label} through", writes=writes, chain=None), through, between)
    yield call_of(lower, lower.chain.after_dh, below | {"dy": below_dh, "dbias": None, "add_dbias": False})


def call_of(call: Call, function: Any, arguments: dict[str, Any]) -> Call:
    return replace(call, function=function, arguments=tuple(arguments[name] for name in parameters(function)))
