"""What cases of ops are made of: shapes astride warp and tile sizes, draws, and labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from checks import Case, Draw

SIZES = (), (1,), (31,), (33,), (8, 32), (3, 5, 7), (1000,)
SCALAR = Draw((), 0.1, 0.9)
COORDINATES = {"seed": Draw((), 0, 2**40, "uint64"), "step": Draw((), 1, 2**40, "uint64"), "node": 3}


def size_name(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size)) or "number"


def alike(*names: str, **options: Any) -> list[Case]:
    """Cases in which all arrays have one shape, for each of SIZES."""
    return [Case(size_name(size), dict.fromkeys(names, size), options) for size in SIZES]


def marked(mark: str, cases: list[Case]) -> list[Case]:
    """The cases under labels that tell them from others of the same shapes."""
    return [replace(case, label=f"{mark}-{case.label}") for case in cases]


def positive(shape: tuple[int, ...]) -> Draw:
    return Draw(shape, 0.5, 2)


def share(shape: tuple[int, ...]) -> Draw:
    return Draw(shape, 0, 1)


def bits(shape: tuple[int, ...]) -> Draw:
    return Draw(shape, 0, 2, "uint8")


def with_arrays(cases: list[Case], **arrays: Any) -> list[Case]:
    """The cases with further arrays; "x" stands for the shape of x."""
    extended = []
    for case in cases:
        more = {name: case.arrays["x"] if entry == "x" else entry for name, entry in arrays.items()}
        extended.append(replace(case, arrays={**case.arrays, **more}))
    return extended
