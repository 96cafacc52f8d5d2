"""A loop as the text of a module for Numba: one pass over memory, whatever the expression.

The text brings all functions that it calls, so that its hash stands for what is compiled.  Numbers are float32; a
literal of Python would make the arithmetic float64.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import numpy as np

from fusegrad.expr import polynomials
from fusegrad.expr.loop import COLUMN, FULL, NUMBER, ROW, ROWS, Loop
from fusegrad.expr.node import Expr, topological
from fusegrad.expr.primitives import PRIMITIVES

HEADER = '''"""Written by fusegrad."""

import numba
import numpy as np

compiled = numba.njit(fastmath={"contract"}, error_model="numpy", nogil=True, cache=True)
inlined = numba.njit(fastmath={"contract"}, error_model="numpy", nogil=True, forceinline=True)
reduction = numba.njit(fastmath={"reassoc", "nsz"}, nogil=True, forceinline=True)
'''


def minimum(a: np.float32, b: np.float32) -> np.float32:
    """The smaller, or NaN where one is."""
    smaller = a if a < b else b
    return a if a != a else smaller


def maximum(a: np.float32, b: np.float32) -> np.float32:
    """The larger, or NaN where one is."""
    larger = a if a > b else b
    return a if a != a else larger


def sign(x: np.float32) -> np.float32:
    """-1, 0 or 1, or NaN for NaN."""
    positive = np.float32(1.0) if x > np.float32(0.0) else x
    return np.float32(-1.0) if x < np.float32(0.0) else positive


OWN: dict[str, Callable[..., np.float32]] = {"min": minimum, "max": maximum, "sign": sign}


def numba_text(loop: Loop) -> str:
    """The source of a module whose function `loop` takes the arrays of `loop.names()`, in that order.

    Where rows lie apart it takes the memory from the first to the last of them, an array of one axis, and then the
    distance of two rows: of an array that is not contiguous Numba moves elements one by one.
    """
    roots = loop.lowered("float32", sigmoid=False)
    order = topological(roots)
    names = loop.names()
    given = [part for name in names for part in ((name, f"{name}__s") if loop.layout(name) == ROWS else (name,))]
    first = next(name for name in names if loop.layout(name) == FULL)
    lines = [f"def loop({', '.join(given)}):"]
    lines += [f"    {name}__n = {name}[()]" for name in names if loop.layout(name) == NUMBER]
    if loop.is_flat:
        lines += [f"    for _i in range({first}.size):"]
        indent = " " * 8
    else:
        lines.append(f"    for _i in range({first}.shape[0]):")
        lines += [f"        {name}__r = {name}[_i * {name}__s :]" for name in names if loop.layout(name) == ROWS]
        lines.append(f"        for _j in range({first}.shape[1]):")
        indent = " " * 12
    lines += [indent + line for line in body(loop, roots, order)]
    return module_text({node.op for node in order}, "@compiled\n" + "\n".join(lines) + "\n")


def module_text(operations: set[str], code: str) -> str:
    """The source of a module of `code`, which may call the functions of these operations."""
    return "\n\n".join([HEADER, *functions(operations), code])


def body(loop: Loop, roots: list[Expr], order: list[Expr]) -> list[str]:
    """The statements for one element: all reads and operations, then the writes."""
    full = "[_i]" if loop.is_flat else "[_i, _j]"
    index = {FULL: full, ROWS: "__r[_j]", ROW: "[_j]", COLUMN: "[_i]", NUMBER: "__n"}
    lines, held = statements(order, {name: f"{name}{index[loop.layout(name)]}" for name in loop.names()})
    targets = [target for target, _ in loop.assignments]
    pairs = zip(targets, roots, strict=True)
    writes = [f"{target}{index[loop.layout(target)]} = {held[root]}" for target, root in pairs]
    return [*lines, *writes]


def statements(order: list[Expr], places: Mapping[str, str]) -> tuple[list[str], dict[Expr, str]]:
    """One statement for every node, with arguments read from `places`, and the text that stands for each afterwards."""
    held: dict[Expr, str] = {}
    lines: list[str] = []
    for node in order:
        match node.op:
            case "argument":
                text = places[node.value]
            case "constant":
                text = literal(node.value)
            case _:
                text = PRIMITIVES[node.op].numba.format(*(held[operand] for operand in node.args))
        if node.op == "constant":
            held[node] = text
        else:
            held[node] = f"_{len(lines)}"
            lines.append(f"_{len(lines)} = {text}")
    return lines, held


def functions(operations: set[str]) -> list[str]:
    """The source of every function that these operations call, those first that others call."""
    needed: dict[str, str] = {}
    for name in sorted(operations):
        if name in OWN:
            needed[name] = inspect.getsource(OWN[name])
        for part in (*polynomials.NEEDS.get(name, ()), name) if name in polynomials.NEEDS else ():
            needed[part] = inspect.getsource(getattr(polynomials, part))
    return [f"@inlined\n{source}" for source in needed.values()]


def literal(value: float) -> str:
    with np.errstate(over="ignore"):
        number = np.float32(value)
    if np.isfinite(number):
        return f"np.float32({float(number)!r})"
    return f"np.float32({'-' if number < 0 else ''}np.{abs(number)})"
