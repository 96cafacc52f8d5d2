"""Cases of ops that are one operation on arrays."""

from __future__ import annotations

from typing import Any

from checks import Case
from ops.draws import COORDINATES, SCALAR, SIZES, alike, bits, marked, positive, size_name

from fusegrad.ops import Op, arithmetic, dropout, elementwise, noise, norm, reduction, shape

# shapes of a, b and their broadcast, and the longest sum that a gradient takes over it
BROADCASTS = {
    "equal": ((8, 33), (8, 33), (8, 33), 1),
    "row": ((31, 33), (33,), (31, 33), 31),
    "column": ((31, 33), (31, 1), (31, 33), 33),
    "number": ((31, 33), (), (31, 33), 31 * 33),
    "both": ((31, 1), (1, 33), (31, 33), 33),
    "numbers": ((), (), (), 1),
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
    Case(label, {"y": y, "parts": parts}, {"extents": tuple(part[axis] for part in parts), "axis": axis})
    for label, (parts, y, axis) in PARTS.items()
]

CASES: dict[Op, list[Case]] = {
    arithmetic.add: binary(),
    arithmetic.add_backward: adding_backward(),
    arithmetic.subtract: binary(),
    arithmetic.subtract_backward: adding_backward(),
    arithmetic.multiply: binary(),
    arithmetic.multiply_backward: binary_backward("a", "b"),
    arithmetic.divide: binary(),
    arithmetic.divide_backward: binary_backward("b", "y"),
    dropout.forward: [
        Case(size_name(size), {"x": size, "y": size, "mask": bits(size), **COORDINATES}, {"rate": 0.3})
        for size in SIZES
    ],
    dropout.backward: [
        Case(size_name(size), {"dy": size, "mask": bits(size), "dx": size}, {"rate": 0.3}) for size in SIZES
    ],
    elementwise.fill: alike("x", number=-1.5),
    elementwise.copy: alike("x", "y"),
    elementwise.accumulate: alike("x", "y"),
    noise.normal: [Case(size_name(size), {"y": size, **COORDINATES}, {"mean": 0.5, "std": 2.0}) for size in SIZES],
    norm.clip_scale: [
        Case("clips", {"scale": SCALAR, "gradients": [(33,), (1000,)]}, {"limit": 0.5}, 1033),
        Case("leaves", {"scale": SCALAR, "gradients": [(33,), (7,)]}, {"limit": 1e3}, 40),
    ],
    reduction.total: [
        Case("rows", {"x": (31, 33), "y": (1, 33)}, {"axis": (0,), "scale": 1.0}, 31),
        Case("columns-mean", {"x": (31, 33), "y": (31, 1)}, {"axis": (1,), "scale": 1 / 33}, 33),
        Case("all", {"x": (3, 5, 7), "y": (1, 1, 1)}, {"axis": (0, 1, 2), "scale": 0.5}, 105),
        Case("outer", {"x": (3, 5, 7), "y": (1, 5, 1)}, {"axis": (0, 2), "scale": 1.0}, 21),
        Case("none", {"x": (), "y": ()}, {"axis": (), "scale": 1.0}),
    ],
    reduction.total_backward: [
        Case("rows", {"dy": (1, 33), "dx": (31, 33)}, {"scale": 1.0}),
        Case("all", {"dy": (1, 1, 1), "dx": (3, 5, 7)}, {"scale": 0.25}),
    ],
    shape.take: [Case(label, {"x": x, "y": y}, {"index": index}) for label, (x, index, y) in TAKES.items()],
    shape.take_backward: [
        Case(f"{label}-{'adds' if add else 'writes'}", {"dy": y, "dx": x}, {"index": index, "add_dx": add})
        for label, (x, index, y) in TAKES.items()
        for add in (False, True)
    ],
    shape.concat: PIECES,
    shape.split: [
        *PIECES,
        Case("one-unneeded", {"y": (4, 9), "parts": [(4, 2), None, (4, 3)]}, {"extents": (2, 4, 3), "axis": 1}),
    ],
}
