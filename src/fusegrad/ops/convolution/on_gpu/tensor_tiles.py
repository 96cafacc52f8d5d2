"""Products of a convolution on tensor cores, by kernels/tensor_convolution.cu."""

from __future__ import annotations

from typing import Any

from fusegrad.backend.dtypes import HALVES
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.convolution.on_gpu.factors import Gradient, Seen
from fusegrad.ops.gemm.tensor import CAPABILITY, LARGE, SMALL, STEP_BYTES, Tile
from fusegrad.ops.grids import MULTIPROCESSORS
from fusegrad.ops.op import Bound, in_turn

FILE = "tensor_convolution.cu"
SHORTEST_PART = 512  # of a sum that is shared by several blocks; not measured
ENOUGH = 4 * MULTIPROCESSORS  # blocks, of which a multiprocessor has four at a time; not measured


def is_possible(x: Any, arithmetic: str) -> bool:
    """Whether there are instructions for the dtype, on the device that x lies on."""
    known = str(x.dtype) in HALVES or arithmetic == "tf32"
    return known and int(x.device.compute_capability) >= CAPABILITY


def bind(of: Seen, tile: Tile | None = None) -> Bound:
    """Every tile by one block; `tile` is SMALL or LARGE, or chosen."""
    tile = tile or chosen(of)
    weight, before = of.turned()
    name = f"tensor_correlate<{of.types}, {tile.rows}, {tile.columns}, {tile.stages}>"
    run = kernel(of.x, FILE, name, of.header)
    given = of.x, weight, *of.sweep.arguments, of.rows, of.columns, of.inner, of.groups, *of.arguments
    return in_turn([*before, run.bind((blocks(of, tile),), (tile.threads,), *given, shared_bytes=tile.shared_bytes)])


def chosen(of: Seen) -> Tile:
    """Large tiles where they are enough blocks and not mostly empty."""
    return LARGE if of.rows > SMALL.rows and blocks(of, LARGE) >= MULTIPROCESSORS else SMALL


def blocks(of: Seen, tile: Tile) -> int:
    return of.phases * of.groups * -(-of.rows // tile.rows) * -(-of.columns // tile.columns)


def bind_gradient(of: Gradient) -> Bound:
    """Sums over parts of the places, and their total."""
    groups, rows, columns = of.sizes
    tile, step = SMALL, STEP_BYTES // of.x.itemsize
    blocks = groups * -(-rows // tile.rows) * -(-columns // tile.columns)
    count, length = of.parts(blocks, step, SHORTEST_PART, ENOUGH)
    parts = of.space(count)
    run = kernel(of.x, FILE, f"tensor_weigh<{c_type(of.x.dtype)}, {tile.rows}, {tile.columns}, {tile.stages}>")
    given = of.dy, of.x, parts, *of.sweep.arguments, rows, columns, of.sweep.places, length, groups
    return of.total(run.bind((blocks, count), (tile.threads,), *given, shared_bytes=tile.shared_bytes), parts)
