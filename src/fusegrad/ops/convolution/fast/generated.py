"""The modules that Numba compiles for the fast convolution: vector code of one size of tile, and what calls it."""

from __future__ import annotations

import hashlib
import inspect
import platform
from functools import cache, lru_cache
from typing import Any

from fusegrad.errors import require_extra
from fusegrad.expr import Function
from fusegrad.expr.activations import identity
from fusegrad.expr.loop import Loop, loop
from fusegrad.expr.node import argument, topological
from fusegrad.ops.convolution.fast import drivers, multiplying, weighing
from fusegrad.ops.convolution.fast.vectors import CHUNK, STRETCH

MULTIPLY = """
from fusegrad.ops.convolution.fast import microkernel, transposing  # {stamp}

CHUNK = {chunk}
product = microkernel.product({lanes}, {rows}, {columns})
rows_in, zero_vector = transposing.rows_in({lanes}), microkernel.zero_vector({lanes})
fetch, claim = microkernel.fetch({lanes}, False), microkernel.fetch({lanes}, True)
put_y, put_h = transposing.rows_out({lanes}, {add}), transposing.rows_out({lanes}, False)


@inlined
def biased(line, bias):
    for i in range(line.size):
        line[i] += bias


@inlined
def activated(line):
    {activation}
"""

WEIGH = """
from fusegrad.ops.convolution.fast import microkernel, transposing  # {stamp}

STRETCH = {stretch}
correlation = microkernel.correlation({lanes}, {rows}, {columns})
fetch = microkernel.fetch({lanes}, False)
rows_in, zero_vector = transposing.rows_in({lanes}), microkernel.zero_vector({lanes})
"""

FOR_BOTH = [drivers.fill, drivers.clear, drivers.fetch_row]


@cache
def machine() -> tuple[int, int]:
    """Floats in a vector, and how many vectors there is room for in the registers."""
    require_extra("numba", "fast", "the evaluator numba")
    from llvmlite.binding import get_host_cpu_features  # only who has Numba needs it

    if platform.machine().lower() in ("aarch64", "arm64"):
        return 4, 32
    features = get_host_cpu_features()
    return (16, 32) if features.get("avx512f") else (8, 16) if features.get("avx") else (4, 16)


@lru_cache(maxsize=256)
def multiplier(lanes: int, rows: int, columns: int, function: Function, add: bool) -> Any:
    """`multiplying.multiply`, compiled."""
    text, operations = activation(function)
    given = {"stamp": stamp(), "chunk": CHUNK, "lanes": lanes, "rows": rows, "columns": columns}
    head = MULTIPLY.format(**given, add=add, activation=text)
    inner = [*FOR_BOTH, multiplying.rows_coming, multiplying.multiply_panel, multiplying.put_panel]
    return module(operations, head, inner, [multiplying.multiply]).multiply


@lru_cache(maxsize=32)
def weigher(lanes: int, rows: int, columns: int) -> Any:
    """`weighing.weigh`, compiled."""
    head = WEIGH.format(stamp=stamp(), stretch=STRETCH, lanes=lanes, rows=rows, columns=columns)
    inner = [*FOR_BOTH, weighing.fill_slopes, weighing.weigh_tile, weighing.weigh_block]
    return module(set(), head, inner, [weighing.weigh]).weigh


@cache
def gatherers() -> Any:
    """The module of `drivers.gather` and `drivers.add_up`."""
    return module(set(), "", [], [drivers.gather, drivers.add_up])


def module(operations: set[str], head: str, inner: list[Any], outer: list[Any]) -> Any:
    """A module of these functions, the inner ones as a part of the others."""
    from fusegrad.expr.modules import generated_module  # here, since only who has Numba needs them
    from fusegrad.expr.numba_text import module_text

    code = [f"@inlined\n{inspect.getsource(function)}" for function in inner]
    code += [f"@compiled\n{inspect.getsource(function)}" for function in outer]
    return generated_module(module_text(operations, "\n\n".join(["from typing import Any", head, *code])))


@cache
def stamp() -> str:
    """A name for the vector code, by which Numba tells what it compiled of another one."""
    from fusegrad.ops.convolution.fast import llvm, microkernel, transposing  # here, since they need Numba

    text = "".join(map(inspect.getsource, (llvm, microkernel, transposing)))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def activation(function: Function) -> tuple[str, set[str]]:
    """The statement that applies a function to a line, and the operations that it needs."""
    if function is identity:
        return "pass", set()
    from fusegrad.expr.numba_text import body

    work: Loop = loop(f"end_{function}", {"line": function(argument("line"))})
    roots = work.lowered("float32", sigmoid=False)
    order = topological(roots)
    lines = ["for _i in range(line.size):", *(f"    {line}" for line in body(work, roots, order))]
    return "\n    ".join(lines), {node.op for node in order}
