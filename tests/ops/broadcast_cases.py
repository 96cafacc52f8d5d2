"""Cases of functions of arrays that are broadcast."""

from __future__ import annotations

from dataclasses import replace

from checks import Case, Draw
from ops.array_cases import BROADCASTS
from ops.draws import marked, positive

from fusegrad.expr import function
from fusegrad.layers.extremes import MAXIMUM, MINIMUM
from fusegrad.ops import Op, broadcast

POWER = function(lambda a, b: a**b, name="power")
BLEND = function(lambda a, b, c: a * c + b * (1 - c), name="blend")


def forward(mark: str) -> list[Case]:
    cases = [Case(label, {"a": positive(a), "b": b, "y": y}) for label, (a, b, y, _) in BROADCASTS.items()]
    return marked(mark, cases)


def backward(mark: str, add: bool = False) -> list[Case]:
    options = {"add_da": add, "add_db": add}
    cases = [
        Case(label, {"dy": y, "a": positive(a), "b": b, "da": a, "db": b}, options, length)
        for label, (a, b, y, length) in BROADCASTS.items()
    ]
    last = cases[-1]
    return marked(mark, [*cases, replace(last, label="only-b", arrays={**last.arrays, "da": None})])


ROWS, COLUMN, PLANE = (33,), (31, 1), (31, 33)
ONES = {"a": Draw(PLANE, 1, 1), "b": Draw(ROWS, 1, 1)}
THREE = {"a": PLANE, "b": ROWS, "c": COLUMN}
OF_THREE = {"da": PLANE, "db": ROWS, "dc": COLUMN}
ADDS_OF_THREE = dict.fromkeys(("add_da", "add_db", "add_dc"), False)

CASES: dict[Op, list[Case]] = {
    broadcast.forward(MAXIMUM): forward("maximum"),
    broadcast.backward(MAXIMUM): [
        *backward("maximum"),
        *backward("maximum-adds", add=True),
        Case("ties", {"dy": PLANE, **ONES, "da": PLANE, "db": ROWS}, {"add_da": False, "add_db": False}, 31),
    ],
    broadcast.forward(MINIMUM): forward("minimum")[:3],
    broadcast.backward(MINIMUM): backward("minimum")[:3],
    broadcast.forward(POWER): forward("power")[::3],
    broadcast.backward(POWER): backward("power")[::3],
    broadcast.forward(BLEND): [Case("three", {**THREE, "y": PLANE})],
    broadcast.backward(BLEND): [Case("three", {"dy": PLANE, **THREE, **OF_THREE}, ADDS_OF_THREE, 33)],
}
