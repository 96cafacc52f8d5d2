"""The vector code of the fast convolution, which Numba puts where a function of these names is called.

Numba's own loops keep no tile of accumulators in registers, so this is text of LLVM, made for a width of vector and a
size of tile.  Every vector holds one place of `lanes` images.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from fusegrad.ops.convolution.fast.llvm import (
    BYTE,
    FLOAT,
    INT,
    WORD,
    Values,
    accumulate,
    inlined,
    load,
    moved,
    multiply_add,
    pick,
    splat,
    store,
    vector,
    words,
)


def product(lanes: int, rows: int, columns: int) -> Any:
    """out[i, targets[j]] = Σ over k of weights[k, i] buffer[positions[j] + offsets[k]], for rows i and columns j."""
    kind, size = vector(lanes), 4 * lanes

    def write(
        b: Any, weights: Any, buffer: Any, offsets: Any, count: Any, positions: Any, out: Any, targets: Any, height: Any
    ) -> None:
        bases = [b.add(buffer, place) for place in words(b, positions, columns)]

        def step(k: Any, sums: Values) -> Values:
            offset = load(b, WORD, b.add(offsets, b.mul(k, ir.Constant(WORD, 8))), 8)
            seen = [load(b, kind, b.add(base, offset), size) for base in bases]
            line = b.add(weights, b.mul(k, ir.Constant(WORD, 4 * rows)))
            results = []
            for i in range(rows):
                factor = splat(b, load(b, FLOAT, moved(b, line, 4 * i)), lanes)
                results += [multiply_add(b, factor, seen[j], sums[i * columns + j]) for j in range(columns)]
            return results

        sums = accumulate(b, count, [ir.Constant(kind, None)] * (rows * columns), step)
        for j, target in enumerate(words(b, targets, columns)):
            for i in range(rows):
                place = b.add(b.add(out, target), b.mul(height, ir.Constant(WORD, i)))
                store(b, sums[i * columns + j], place, size)

    return inlined(8, write)


def correlation(lanes: int, rows: int, columns: int) -> Any:
    """out[j, i] += Σ over p and lanes of dy[p, i] x[offsets[j] + positions[p]], for rows i and columns j."""
    kind, size = vector(lanes), 4 * lanes

    def write(b: Any, dy: Any, x: Any, offsets: Any, positions: Any, count: Any, out: Any) -> None:
        bases = [b.add(x, offset) for offset in words(b, offsets, columns)]

        def step(p: Any, sums: Values) -> Values:
            position = load(b, WORD, b.add(positions, b.mul(p, ir.Constant(WORD, 8))), 8)
            seen = [load(b, kind, b.add(base, position), size) for base in bases]
            line = b.add(dy, b.mul(p, ir.Constant(WORD, size * rows)))
            results = []
            for i in range(rows):
                factor = load(b, kind, moved(b, line, size * i), size)
                results += [multiply_add(b, factor, seen[j], sums[i * columns + j]) for j in range(columns)]
            return results

        sums = accumulate(b, count, [ir.Constant(kind, None)] * (rows * columns), step)
        for j in range(columns):
            for i in range(0, rows, lanes):
                put_totals(b, sums[i * columns + j : min(rows, i + lanes) * columns : columns], out, j * rows + i)

    return inlined(6, write)


def put_totals(builder: Any, vectors: Values, out: Any, place: int) -> None:
    """Add the sum of each vector to one of the floats from `place` on; those behind get zero added."""
    lanes = vectors[0].type.count
    while len(vectors) & (len(vectors) - 1):
        vectors = [*vectors, ir.Constant(vectors[0].type, None)]
    part = lanes
    while len(vectors) > 1:
        part //= 2
        vectors = [folded(builder, a, b, part) for a, b in zip(vectors[::2], vectors[1::2], strict=True)]
    total = vectors[0]
    while part > 1:
        part //= 2
        count = total.type.count
        low = [i for i in range(count) if not i // part % 2]
        total = builder.fadd(pick(builder, total, total, low), pick(builder, total, total, [i + part for i in low]))
    address = moved(builder, out, 4 * place)
    store(builder, builder.fadd(load(builder, total.type, address), total), address)


def folded(builder: Any, a: Any, b: Any, part: int) -> Any:
    """Halves of every 2 · part elements of a, then of b, added."""
    low = [i for i in range(2 * a.type.count) if not i // part % 2]
    return builder.fadd(pick(builder, a, b, low), pick(builder, a, b, [i + part for i in low]))


def zero_vector(lanes: int) -> Any:
    """Zeros at an address."""
    return inlined(1, lambda builder, out: store(builder, ir.Constant(vector(lanes), None), out, 4 * lanes))


def fetch(lanes: int, writing: bool) -> Any:
    """What asks for a line of memory of every lane, soon to be read or written."""

    def write(b: Any, base: Any, starts: Any, done: Any) -> None:
        pointer = BYTE.as_pointer()
        function = ir.FunctionType(ir.VoidType(), [pointer, INT, INT, INT])
        prefetch = cgutils.get_or_insert_function(b.module, function, "llvm.prefetch.p0i8")
        for start in words(b, starts, lanes):
            place = b.inttoptr(b.add(b.add(base, start), done), pointer)
            b.call(prefetch, [place, ir.Constant(INT, int(writing)), ir.Constant(INT, 2), ir.Constant(INT, 1)])

    return inlined(3, write)
