"""How a GPU multiplies matrices: layouts, tiles and parts of kernels/matmul.cu, chosen when a product is bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.expr import Function
from fusegrad.ops.epilogue import epilogue_header
from fusegrad.ops.grids import MULTIPROCESSORS, THREADS
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.strides import Strided, broadcast_strides, merged, strided

FILE = "matmul.cu"
SMALL, LARGE = 64, 128  # rows and columns of a tile
STEP = 16  # of a small tile along the inner axis
LONGEST = 2**31 - 2 * LARGE  # of a side, so that places in the last tile are integers of 32 bits
SHORTEST_PART = 128  # of a sum that is shared by several blocks; not measured


@dataclass(frozen=True)
class Product:
    """Matrices of up to two stacked axes, seen by their strides; `sizes` are rows, inner and columns."""

    a: Strided
    b: Strided
    y: Strided
    h: Any  # the memory, or None; strides are those of y
    bias: Any
    stack: tuple[int, ...]
    sizes: tuple[int, int, int]
    add: bool
    header: dict[str, str]


def bind_product(
    a: Any,
    b: Any,
    y: Any,
    *,
    add: bool = False,
    bias: Any = None,
    epilogue: Function | None = None,
    h: Any = None,
) -> Bound:
    """y = f(a b + bias), or y += that; and h = a b + bias.  f is the identity and bias 0 where they are None.

    Shapes: a (…, rows, inner), b (…, inner, columns), h and y (…, rows, columns), bias (columns,); of one dtype, and
    views of any strides that are not negative, those of h the same as those of y.  Stacks of a and b are broadcast.
    Raises ValueError where shapes or strides do not fit.
    """
    sizes = checked_sizes(a, b, y, bias, h)
    stack, strides = merged(y.shape[:-2], [broadcast_strides(array, y.shape[:-2]) for array in (a, b, y)])
    header = {} if epilogue is None else epilogue_header(epilogue, y.dtype)
    of_a, of_b, of_y = (strided(array, of_stack) for array, of_stack in zip((a, b, y), strides, strict=True))
    of_h = None if h is None else strided(h, strides[2])
    calls = []
    for place in np.ndindex(*stack[:-2]):  # a kernel goes through two axes, which few stacks exceed
        h_memory = None if of_h is None else of_h.at(place).memory
        factors = of_a.at(place), of_b.at(place)
        product = Product(*factors, of_y.at(place), h_memory, bias, stack[-2:], sizes, add, header)
        calls.append(bind_whole(product, LARGE) if is_large(product) else bind_small(product))
    return in_turn(calls)


def checked_sizes(a: Any, b: Any, y: Any, bias: Any, h: Any) -> tuple[int, int, int]:
    """Rows, inner, columns."""
    (rows, inner), columns = a.shape[-2:], b.shape[-1]
    if b.shape[-2] != inner or y.shape[-2:] != (rows, columns):
        raise ValueError(f"a product expects (…, m, k) (…, k, n) = (…, m, n), got {a.shape} {b.shape} = {y.shape}")
    if bias is not None and bias.shape != (columns,):
        raise ValueError(f"a product of {columns} columns expects a bias of shape ({columns},), got {bias.shape}")
    if h is not None and (h.shape, h.strides) != (y.shape, y.strides):
        raise ValueError(f"a product expects h like y, {y.shape} by {y.strides}, got {h.shape} by {h.strides}")
    if max(rows, inner, columns) > LONGEST:
        raise ValueError(f"a product expects sides of up to {LONGEST}, got {a.shape} {b.shape}")
    return rows, inner, columns


def blocks(product: Product, tile: int) -> int:
    rows, _, columns = product.sizes
    return -(-rows // tile) * -(-columns // tile) * product.stack[0] * product.stack[1]


def is_large(product: Product) -> bool:
    """Whether large tiles, which read less from memory, are enough blocks and not mostly empty."""
    rows, _, columns = product.sizes
    return min(rows, columns) > SMALL and blocks(product, LARGE) >= MULTIPROCESSORS


def bind_small(product: Product) -> Bound:
    """With small tiles; in parts where there are few of them and the inner axis is long."""
    inner, tiles = product.sizes[1], blocks(product, SMALL)
    parts = min(-(-MULTIPROCESSORS // max(tiles, 1)), inner // SHORTEST_PART)
    if parts < 2 or not tiles:
        return bind_whole(product, SMALL)
    length = -(-inner // (parts * STEP)) * STEP
    return bind_parts(product, length, -(-inner // length))


def bind_whole(p: Product, tile: int) -> Bound:
    (rows, inner, columns), dtype = p.sizes, p.y.memory.dtype
    run = kernel(p.y.memory, FILE, f"matmul_whole<{c_type(dtype)}, {tile}, {layouts(p)}>", p.header)
    memories = p.a.memory, p.b.memory, p.bias, p.h, p.y.memory
    strides = *p.a.strides, *p.b.strides, *p.y.strides
    return run.bind((blocks(p, tile),), (THREADS,), *memories, rows, columns, inner, p.stack[1], *strides, p.add)


def bind_parts(p: Product, length: int, count: int) -> Bound:
    """Sums over stretches of the inner axis, and then their total."""
    (rows, inner, columns), dtype = p.sizes, p.y.memory.dtype
    parts = namespace(p.y.memory).empty((count, *p.stack, rows, columns), accumulated(dtype))
    run = kernel(p.y.memory, FILE, f"matmul_parts<{c_type(dtype)}, {SMALL}, {layouts(p)}>")
    sizes = rows, columns, inner, length, *p.stack
    summed = run.bind(
        (blocks(p, SMALL), count), (THREADS,), p.a.memory, p.b.memory, parts, *sizes, *p.a.strides, *p.b.strides
    )

    total = kernel(p.y.memory, FILE, f"matmul_total<{c_type(dtype)}>", p.header)
    grid = (-(-parts[0].size // THREADS),)
    sizes = count, rows, columns, *p.stack
    finished = total.bind(grid, (THREADS,), parts, p.bias, p.h, p.y.memory, *sizes, *p.y.strides, p.add)
    return in_turn([summed, finished])


def layouts(product: Product) -> str:
    """For both factors, whether neighbours along the inner axis lie next to each other in memory."""
    rows, inner, columns = product.sizes
    *_, a_row, a_inner = product.a.strides
    *_, b_inner, b_column = product.b.strides
    along = along_inner(inner, a_inner, rows, a_row), along_inner(inner, b_inner, columns, b_column)
    return ", ".join("true" if item else "false" for item in along)


def along_inner(inner: int, inner_stride: int, lines: int, line_stride: int) -> bool:
    return lines == 1 or (inner > 1 and inner_stride <= line_stride)
