"""Products on tensor cores, by kernels/tensor_matmul.cu: tiles, stages and parts, chosen when a product is bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from fusegrad.backend.cuda import namespace
from fusegrad.backend.dtypes import HALVES
from fusegrad.backend.kernels import kernel
from fusegrad.ops.gemm import simt
from fusegrad.ops.gemm.after import Activated
from fusegrad.ops.gemm.finish import finish_arguments, finish_header, finish_types, with_sums, workspace_for_sums
from fusegrad.ops.gemm.product import Product
from fusegrad.ops.grids import MULTIPROCESSORS
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.strides import Strided

FILE = "tensor_matmul.cu"
CAPABILITY = 80  # that the instructions need, see kernels/mma.cuh
STEP_BYTES = 64  # of every line of a tile, that a step along the inner axis brings
SHORTEST_PART = 512  # of a sum that is shared by several blocks; not measured
ENOUGH = 2 * MULTIPROCESSORS  # of the largest tiles, of which a multiprocessor has one at a time; not measured


@dataclass(frozen=True)
class Tile:
    """Rows and columns of what a block sums, and stages: the steps that are in shared memory or on their way there."""

    rows: int
    columns: int
    stages: int

    @property
    def threads(self) -> int:
        return 128 if self.columns == 64 else 256

    @property
    def shared_bytes(self) -> int:
        return self.stages * (self.rows + self.columns) * STEP_BYTES

    def __str__(self) -> str:
        return f"tiles of {self.rows} x {self.columns} in {self.stages} stages"


# As many stages as fit 100 KB, the least that multiprocessors have, for all blocks that registers allow: two of LARGE.
SMALL, LARGE, LARGEST = Tile(64, 64, 4), Tile(128, 128, 3), Tile(128, 256, 4)
OTHERS = Tile(64, 64, 3), Tile(128, 128, 4), Tile(128, 256, 3)  # that may be faster on some GPUs


def bind(product: Product) -> Bound | None:
    """The launches; None where the device lacks the instructions, or the product is to be exact."""
    return bind_tiles(product, *chosen(product)) if is_possible(product) else None


def candidates(product: Product) -> Iterator[tuple[str, Callable[[], Bound]]]:
    """All ways to compute a product, by name; the first is what `bind` takes, before anything was timed."""
    if not is_possible(product):
        return
    first, inner = chosen(product), product.sizes[1]
    tiles = [tile for tile in (SMALL, LARGE, LARGEST, *OTHERS) if is_filled(product, tile)]
    ways = [(tile, length) for tile in tiles for length in (inner, part_length(product, tile))]
    for tile, length in dict.fromkeys([first, *ways]):
        name = str(tile) if length == inner else f"{tile}, parts of {length}"
        yield name, partial(bind_tiles, product, tile, length)


def is_possible(product: Product) -> bool:
    """Whether there are instructions for the dtype, on the device that y lies on."""
    known = product.dtype in HALVES or product.arithmetic == "tf32"
    return known and int(product.y.memory.device.compute_capability) >= CAPABILITY


def chosen(product: Product) -> tuple[Tile, int]:
    """The largest tile of which there are enough, and how much of the inner axis is a part."""
    inner = product.sizes[1]
    if is_filled(product, LARGEST) and blocks(product, LARGEST) >= ENOUGH:
        return LARGEST, inner
    if is_filled(product, LARGE) and blocks(product, LARGE) >= MULTIPROCESSORS:
        return LARGE, inner
    return SMALL, part_length(product, SMALL)


def is_filled(product: Product, tile: Tile) -> bool:
    """Whether the tile is mostly full, or there is none smaller."""
    rows, _, columns = product.sizes
    return tile.rows == SMALL.rows or (2 * rows > tile.rows and 2 * columns > tile.columns)


def tiles(product: Product, tile: Tile) -> tuple[int, int]:
    """Lines of tiles, over all matrices, and tiles in one line."""
    rows, _, columns = product.sizes
    return -(-rows // tile.rows) * product.matrices, -(-columns // tile.columns)


def blocks(product: Product, tile: Tile) -> int:
    lines, across = tiles(product, tile)
    return lines * across


def part_length(product: Product, tile: Tile) -> int:
    """How much of the inner axis a block sums: all of it, but where there are few tiles and it is long."""
    inner, count = product.sizes[1], blocks(product, tile)
    step = STEP_BYTES // product.a.memory.itemsize
    parts = min(-(-MULTIPROCESSORS // max(count, 1)), inner // SHORTEST_PART)
    return -(-inner // (parts * step)) * step if parts > 1 and count else inner


def bind_tiles(product: Product, tile: Tile, length: int) -> Bound:
    """Every tile by one block, or by several for parts of the inner axis, whose total is another launch."""
    inner = product.sizes[1]
    if length >= inner:
        return bind_blocks(product, tile, length=max(inner, 1))
    rows, _, columns = product.sizes
    size = rows * columns
    parts = namespace(product.y.memory).empty((-(-inner // length), *product.stack, rows, columns), "float32")
    to_parts = Strided(parts, (product.stack[1] * size, size, columns, 1))
    of_parts = replace(product, y=to_parts, after=Activated(), add=False)
    return in_turn([bind_blocks(of_parts, tile, length), simt.bind_total(product, parts)])


def bind_blocks(p: Product, tile: Tile, length: int) -> Bound:
    """One launch, with a line of blocks for each part of the inner axis."""
    rows, inner, columns = p.sizes
    sums = workspace_for_sums(p, tiles(p, tile)[0])
    shape = f"{tile.rows}, {tile.columns}, {tile.stages}, {simt.layouts(p)}"
    run = kernel(p.y.memory, FILE, f"tensor_matmul<{finish_types(p)}, {shape}>", finish_header(p))
    from_part_to_part = p.matrices * rows * columns
    sizes = rows, columns, inner, length, p.stack[1], *p.a.strides, *p.b.strides, from_part_to_part
    given = p.a.memory, p.b.memory, *sizes, *finish_arguments(p, sums)
    grid = blocks(p, tile), max(1, -(-inner // length))
    return with_sums(p, run.bind(grid, (tile.threads,), *given, shared_bytes=tile.shared_bytes), sums)
