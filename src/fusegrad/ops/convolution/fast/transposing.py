"""Rows of arrays as vectors over the lanes, and back: squares are transposed in registers.

Rows begin anywhere and end anywhere, so they are read and written under masks.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from fusegrad.ops.convolution.fast.llvm import (
    INT,
    WORD,
    Values,
    inlined,
    load,
    moved,
    pick,
    splat,
    store,
    vector,
    words,
)


def rows_in(lanes: int) -> Any:
    """The places of each lane, its `counts` first ones and zeros, as vectors over the lanes, `distance` bytes apart."""
    kind, size = vector(lanes), 4 * lanes

    def write(b: Any, source: Any, starts: Any, counts: Any, done: Any, out: Any, distance: Any) -> None:
        take, skipped = masked(b, "load", kind), b.mul(done, ir.Constant(WORD, 4))
        rows = []
        for start, count in zip(words(b, starts, lanes), words(b, counts, lanes), strict=True):
            address = b.add(b.add(source, start), skipped)
            mask = within(b, b.sub(count, done), lanes)
            pointer = b.inttoptr(address, kind.as_pointer())
            rows.append(b.call(take, [pointer, ir.Constant(INT, 4), mask, ir.Constant(kind, None)]))
        for column in transposed(b, rows):
            store(b, column, out, size)
            out = b.add(out, distance)

    return inlined(6, write)


def rows_out(lanes: int, add: bool) -> Any:
    """Neighbouring vectors over the lanes as places of each lane, of which `counts` are written or added to."""
    kind, size = vector(lanes), 4 * lanes

    def write(b: Any, source: Any, out: Any, starts: Any, counts: Any, done: Any) -> None:
        take, put = masked(b, "load", kind), masked(b, "store", kind)
        alignment, skipped = ir.Constant(INT, 4), b.mul(done, ir.Constant(WORD, 4))
        columns = [load(b, kind, moved(b, source, size * i), size) for i in range(lanes)]
        places = zip(words(b, starts, lanes), words(b, counts, lanes), strict=True)
        for row, (start, count) in zip(transposed(b, columns), places, strict=True):
            pointer = b.inttoptr(b.add(b.add(out, start), skipped), kind.as_pointer())
            mask = within(b, b.sub(count, done), lanes)
            if add:
                row = b.fadd(b.call(take, [pointer, alignment, mask, ir.Constant(kind, None)]), row)
            b.call(put, [row, pointer, alignment, mask])

    return inlined(5, write)


def transposed(builder: Any, rows: Values) -> Values:
    """The columns of a square of vectors: first of 4 x 4 blocks inside, then of the blocks."""
    count = len(rows)
    for _ in range(2):
        rows = [interleaved for i in range(0, count, 4) for interleaved in quarter_step(builder, *rows[i : i + 4])]
    blocks = count // 4
    turned: Values = [None] * count
    for j in range(4):
        for k, column in enumerate(gathered(builder, rows[j::4])):
            turned[4 * k + j] = column
    return turned if blocks > 1 else rows


def quarter_step(builder: Any, a: Any, b: Any, c: Any, d: Any) -> Values:
    """One of two steps that transpose the 4 x 4 blocks of four vectors: a with c and b with d, interleaved."""
    starts = range(0, a.type.count, 4)
    low = [place for s in starts for place in (s, s + a.type.count, s + 1, s + 1 + a.type.count)]
    high = [place + 2 for place in low]
    return [pick(builder, *pair, places) for pair in ((a, c), (b, d)) for places in (low, high)]


def gathered(builder: Any, vectors: Values) -> Values:
    """Vector k of the result has block k of each of the vectors; a block is four elements."""
    if len(vectors) == 1:
        return vectors
    count = vectors[0].type.count
    even = [i for i in range(2 * count) if not i // 4 % 2]
    odd = [i + 4 for i in even]
    pairs = list(zip(vectors[::2], vectors[1::2], strict=True))
    halves = [gathered(builder, [pick(builder, a, b, places) for a, b in pairs]) for places in (even, odd)]
    return [column for columns in zip(*halves, strict=True) for column in columns]


def within(builder: Any, count: Any, lanes: int) -> Any:
    """Which elements of a vector are less than `count`, as a mask."""
    numbers = ir.Constant(ir.VectorType(WORD, lanes), list(range(lanes)))
    return builder.icmp_signed("<", numbers, splat(builder, count, lanes))


def masked(builder: Any, name: str, kind: Any) -> Any:
    """LLVM's load or store of the elements that a mask has."""
    mask, pointer = ir.VectorType(ir.IntType(1), kind.count), kind.as_pointer()
    load = name == "load"
    function = (
        ir.FunctionType(kind, [pointer, INT, mask, kind])
        if load
        else ir.FunctionType(ir.VoidType(), [kind, pointer, INT, mask])
    )
    full = f"llvm.masked.{name}.v{kind.count}f32.p0v{kind.count}f32"
    return cgutils.get_or_insert_function(builder.module, function, full)
