"""Products on the ordinary cores of any GPU, by kernels/matmul.cu: tiles and parts, chosen when a product is bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.ops.gemm.finish import finish_arguments, finish_header, finish_types, with_sums, workspace_for_sums
from fusegrad.ops.gemm.product import Product
from fusegrad.ops.grids import MULTIPROCESSORS, THREADS, WARP
from fusegrad.ops.op import Bound, in_turn

FILE = "matmul.cu"
SMALL, LARGE = 64, 128  # rows and columns of a tile
STEP = 16  # of a small tile along the inner axis
SHORTEST_PART = 128  # of a sum that is shared by several blocks; not measured
LINES = THREADS // WARP  # rows that a block of the total has


def bind(product: Product) -> Bound:
    """The launches; there are some for every product."""
    (_, chosen) = next(iter(candidates(product)))
    return chosen()


def candidates(product: Product) -> Iterator[tuple[str, Callable[[], Bound]]]:
    """Ways to compute a product, by name; the first is what `bind` takes, before anything was timed."""
    found: dict[str, Callable[[], Bound]] = {}
    length = part_length(product)
    if is_large(product):
        found[f"tiles of {LARGE}"] = partial(bind_whole, product, LARGE)
    elif length:
        found[f"parts of {length}"] = partial(bind_parts, product, length)
    for tile in (SMALL, LARGE):
        found[f"tiles of {tile}"] = partial(bind_whole, product, tile)
    return iter(found.items())


def tiles(product: Product, tile: int) -> tuple[int, int]:
    """Lines of tiles, over all matrices, and tiles in one line."""
    rows, _, columns = product.sizes
    return -(-rows // tile) * product.matrices, -(-columns // tile)


def blocks(product: Product, tile: int) -> int:
    lines, across = tiles(product, tile)
    return lines * across


def is_large(product: Product) -> bool:
    """Whether large tiles, which read less from memory, are enough blocks and not mostly empty."""
    rows, _, columns = product.sizes
    return min(rows, columns) > SMALL and blocks(product, LARGE) >= MULTIPROCESSORS


def part_length(product: Product) -> int:
    """Where there are few small tiles and the inner axis is long, how much of it is a part; else 0."""
    inner, count = product.sizes[1], blocks(product, SMALL)
    parts = min(-(-MULTIPROCESSORS // max(count, 1)), inner // SHORTEST_PART)
    return -(-inner // (parts * STEP)) * STEP if parts > 1 and count else 0


def bind_whole(p: Product, tile: int) -> Bound:
    """Every tile by one block."""
    rows, inner, columns = p.sizes
    sums = workspace_for_sums(p, tiles(p, tile)[0])
    run = kernel(p.y.memory, FILE, f"matmul_whole<{finish_types(p)}, {tile}, {layouts(p)}>", finish_header(p))
    sizes = rows, columns, inner, p.stack[1], *p.a.strides, *p.b.strides
    given = p.a.memory, p.b.memory, *sizes, *finish_arguments(p, sums)
    return with_sums(p, run.bind((blocks(p, tile),), (THREADS,), *given), sums)


def bind_parts(p: Product, length: int) -> Bound:
    """Sums over stretches of the inner axis, and then their total."""
    rows, inner, columns = p.sizes
    count = -(-inner // length)
    parts = namespace(p.y.memory).empty((count, *p.stack, rows, columns), accumulated(p.dtype))
    run = kernel(p.y.memory, FILE, f"matmul_parts<{c_type(p.dtype)}, {SMALL}, {layouts(p)}>")
    given = p.a.memory, p.b.memory, parts, rows, columns, inner, length, *p.stack, *p.a.strides, *p.b.strides
    return in_turn([run.bind((blocks(p, SMALL), count), (THREADS,), *given), bind_total(p, parts)])


def bind_total(p: Product, parts: Any) -> Bound:
    """y of the sums over parts of the inner axis, (parts, *stack, rows, columns) in the dtype of sums."""
    rows, _, columns = p.sizes
    lines, across = -(-rows // LINES), -(-columns // WARP)
    sums = workspace_for_sums(p, lines * p.matrices)
    run = kernel(p.y.memory, FILE, f"matmul_total<{finish_types(p)}>", finish_header(p))
    given = parts, len(parts), rows, columns, *p.stack, *finish_arguments(p, sums)
    return with_sums(p, run.bind((lines * across * p.matrices,), (THREADS,), *given), sums)


def layouts(product: Product) -> str:
    """For both factors, whether neighbours along the inner axis lie next to each other in memory."""
    return ", ".join("true" if along else "false" for along in along_inner(product))


def along_inner(product: Product) -> tuple[bool, bool]:
    """For a and b, whether to go along the inner axis rather than along the rows of a, or the columns of b."""
    rows, inner, columns = product.sizes
    *_, a_row, a_inner = product.a.strides
    *_, b_inner, b_column = product.b.strides
    return is_along(inner, a_inner, rows, a_row), is_along(inner, b_inner, columns, b_column)


def is_along(inner: int, inner_stride: int, lines: int, line_stride: int) -> bool:
    return lines == 1 or (inner > 1 and inner_stride <= line_stride)
