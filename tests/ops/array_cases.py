"""Cases of ops that fill, copy and combine arrays."""

from __future__ import annotations

from typing import Any

from checks import Case, Draw
from ops.draws import SCALAR, SIZES, alike, marked, positive, size_name

from fusegrad.ops import Op, arithmetic, counter, elementwise, shape

# shapes of a, b and their broadcast, and the longest sum that a gradient takes over it
BROADCASTS = {
    "equal": ((8, 33), (8, 33), (8, 33), 1),
    "row": ((31, 33), (33,), (31, 33), 31),
    "one-row": ((1, 33), (33,), (1, 33), 1),
    "column": ((31, 33), (31, 1), (31, 33), 33),
    "number": ((31, 33), (), (31, 33), 31 * 33),
    "both": ((31, 1), (1, 33), (31, 33), 33),
    "numbers": ((), (), (), 1),
    "planes": ((3, 4, 5, 2), (4, 5, 2), (3, 4, 5, 2), 3),
    "one-per-plane": ((3, 4, 5), (3, 1, 1), (3, 4, 5), 20),
    "deep": ((4, 1, 5), (3, 1), (4, 3, 5), 20),
}


def binary() -> list[Case]:
    return [Case(label, {"a": a, "b": positive(b), "y": y}) for label, (a, b, y, _) in BROADCASTS.items()]


def binary_backward(*factors: str, **options: Any) -> list[Case]:
    cases = []
    for label, (a, b, y, length) in BROADCASTS.items():
        known = {"a": a, "b": positive(b), "y": y}
        arrays = {"dy": y, "da": a, "db": b} | {name: known[name] for name in factors}
        cases.append(Case(label, arrays, options, length))
    cases.append(Case("only-a", arrays | {"db": None}, options, length))
    cases.append(Case("only-b", arrays | {"da": None}, options, length))
    return cases


def adding_backward() -> list[Case]:
    writing = binary_backward(add_da=False, add_db=False)
    return [*writing, *marked("adds", binary_backward(add_da=True, add_db=True))]


TAKES = {
    "element": ((5,), (2,), ()),
    "row": ((5, 7), (1,), (7,)),
    "columns": ((5, 7), (slice(None), slice(2, 6)), (5, 4)),
    "every-second": ((9, 3), (slice(1, None, 2),), (4, 3)),
    "backwards": ((9, 3), (slice(None, None, -1),), (9, 3)),
    "last-axis": ((2, 3, 5), (..., -1), (2, 3)),
}
PARTS = {
    "rows": ([(2, 5), (1, 5), (3, 5)], (6, 5), 0),
    "columns": ([(4, 31), (4, 33)], (4, 64), 1),
    "middle": ([(2, 1, 5), (2, 7, 5)], (2, 8, 5), 1),
    "one": ([(7, 3)], (7, 3), 0),
}
PIECES = [
    (label, parts, y, {"extents": tuple(part[axis] for part in parts), "axis": axis})
    for label, (parts, y, axis) in PARTS.items()
]
SHAPES = {
    "joined": ((3, 5, 7), (105,)),
    "apart": ((31, 33), (31, 3, 11)),
    "number": ((1, 1), ()),
    "empty": ((0, 3), (3, 0)),
}

CASES: dict[Op, list[Case]] = {
    arithmetic.add: binary(),
    arithmetic.add_backward: adding_backward(),
    arithmetic.subtract: binary(),
    arithmetic.subtract_backward: adding_backward(),
    arithmetic.multiply: binary(),
    arithmetic.multiply_backward: binary_backward("a", "b"),
    arithmetic.divide: binary(),
    arithmetic.divide_backward: binary_backward("b", "y"),
    elementwise.fill: alike("x", number=-1.5),
    elementwise.copy: alike("x", "y"),
    elementwise.accumulate: alike("x", "y"),
    elementwise.axpy: [Case(size_name(size), {"a": SCALAR, "x": size, "y": size}) for size in SIZES],
    shape.take: [Case(label, {"x": x, "y": y}, {"index": index}) for label, (x, index, y) in TAKES.items()],
    shape.take_backward: [
        Case(f"{label}-{'adds' if add else 'writes'}", {"dy": y, "dx": x}, {"index": index, "add_dx": add})
        for label, (x, index, y) in TAKES.items()
        for add in (False, True)
    ],
    shape.concat: [Case(label, {"x": parts, "y": y}, options) for label, parts, y, options in PIECES],
    shape.split: [
        *(Case(label, {"dy": y, "dx": parts}, options) for label, parts, y, options in PIECES),
        Case("one-unneeded", {"dy": (4, 9), "dx": [(4, 2), None, (4, 3)]}, {"extents": (2, 4, 3), "axis": 1}),
    ],
    shape.reshape: [Case(label, {"x": x, "y": y}) for label, (x, y) in SHAPES.items()],
    shape.reshape_backward: [Case(label, {"dy": y, "dx": x}) for label, (x, y) in SHAPES.items()],
    counter.count: [
        Case(label, {"step": Draw((), number, number + 1, "uint64")})
        for label, number in {"first": 0, "carries": 2**32 - 1, "large": 2**52}.items()
    ],
}
