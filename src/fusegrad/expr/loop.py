"""A loop over elements: what the evaluators compile and run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fusegrad.expr.lowering import lowered
from fusegrad.expr.node import Expr, ExpressionError, topological
from fusegrad.expr.primitives import PRIMITIVES

RESERVED = {*PRIMITIVES, "float", "maximum", "minimum", "np", "range"}  # by the text of a loop
FULL, ROWS, ROW, COLUMN, NUMBER = "full", "rows", "row", "column", "number"


@dataclass(frozen=True)
class Loop:
    """`target[i] = expression` for every element i and every pair in `assignments`.

    All expressions of an element are computed before the first is written, so a target may also be read.
    `layouts` says of an array how it lies over the (rows, columns) of the loop: "full" (the default) has all of them,
    "rows" too, but a row need not begin where the one before ends; "row" has shape (columns,) and "column" (rows,), and
    are repeated; "number" is 0-d.  At least one array is full.
    """

    name: str
    assignments: tuple[tuple[str, Expr], ...]
    layouts: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in self.names():
            if name in RESERVED or name.startswith("_") or "__" in name:
                raise ExpressionError(f"{self.name}: no array can be called {name!r}, which its text uses itself")

    def layout(self, name: str) -> str:
        return dict(self.layouts).get(name, FULL)

    @property
    def is_flat(self) -> bool:
        """Whether the arrays can be seen as one row of elements."""
        return all(self.layout(name) in (FULL, NUMBER) for name in self.names())

    def names(self) -> list[str]:
        """All arrays and numbers by name: targets first, then what is only read."""
        reads = [node.value for node in topological(self.roots) if node.op == "argument"]
        return list(dict.fromkeys([*(target for target, _ in self.assignments), *reads]))

    @property
    def roots(self) -> list[Expr]:
        return [expression for _, expression in self.assignments]

    def lowered(self, dtype: str, sigmoid: bool) -> list[Expr]:
        """The expressions without what the evaluator for `dtype` lacks; see `lowering`."""
        return [lowered(root, dtype, sigmoid) for root in self.roots]


def loop(name: str, assignments: Mapping[str, Expr], **layouts: str) -> Loop:
    return Loop(name, tuple(assignments.items()), tuple(sorted(layouts.items())))
