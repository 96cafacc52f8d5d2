"""Products of a convolution on the ordinary cores of any GPU, by kernels/convolution.cu."""

from __future__ import annotations

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.convolution.on_gpu.factors import Gradient, Seen
from fusegrad.ops.grids import MULTIPROCESSORS, THREADS
from fusegrad.ops.op import Bound, in_turn

FILE = "convolution.cu"
SMALL, LARGE = 64, 128  # rows and columns of a tile
STEP = 16  # of a small tile along the inner axis
SHORTEST_PART = 128  # of a sum that is shared by several blocks; not measured
ENOUGH = 2 * MULTIPROCESSORS  # blocks; not measured


def bind(of: Seen, tile: int | None = None) -> Bound:
    """Every tile by one block; `tile` is SMALL or LARGE, or chosen."""
    tile = tile or chosen(of)
    weight, before = of.turned()
    name = f"convolution_correlate<{of.types}, {tile}>"
    run = kernel(of.x, FILE, name, of.header)
    sizes = of.rows, of.columns, of.inner, of.groups
    given = of.x, weight, *of.sweep.arguments, *sizes, *of.arguments
    return in_turn([*before, run.bind((blocks(of, tile),), (THREADS,), *given)])


def chosen(of: Seen) -> int:
    """Large tiles, which read less from memory, where they are enough blocks and not mostly empty."""
    return LARGE if of.rows > SMALL and blocks(of, LARGE) >= MULTIPROCESSORS else SMALL


def blocks(of: Seen, tile: int) -> int:
    return of.phases * of.groups * -(-of.rows // tile) * -(-of.columns // tile)


def bind_gradient(of: Gradient) -> Bound:
    """Sums over parts of the places, and their total."""
    groups, rows, columns = of.sizes
    blocks = groups * -(-rows // SMALL) * -(-columns // SMALL)
    count, length = of.parts(blocks, STEP, SHORTEST_PART, ENOUGH)
    parts = of.space(count)
    run = kernel(of.x, FILE, f"convolution_weigh<{c_type(of.x.dtype)}, {SMALL}>")
    given = of.dy, of.x, parts, *of.sweep.arguments, rows, columns, of.sweep.places, length, groups
    return of.total(run.bind((blocks, count), (THREADS,), *given), parts)
