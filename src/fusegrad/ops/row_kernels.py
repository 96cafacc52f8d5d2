"""How kernels that normalise rows are launched: who handles a row, what fits shared memory, and sums over all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.ops.grids import FILLING, THREADS, WARP, elements_at_once
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.reduction import launch_sums

if TYPE_CHECKING:
    from fusegrad.backend.kernel import Kernel

NARROW = 512  # the width up to which a warp handles a row, and otherwise a block
BLOCKS = FILLING // 4  # that share the rows where sums over rows are needed: each has sums of its own
SHARED_BYTES = 96 << 10  # of a block at most, so that two of them fit a multiprocessor of a large GPU
STATIC_BYTES = 1 << 10  # left for what a kernel declares by itself


@dataclass(frozen=True)
class Rows:
    """The rows of x (…, width), for each of which a team of threads read `vector` neighbours at a time."""

    x: Any
    team: int
    vector: int

    @property
    def width(self) -> int:
        return int(self.x.shape[-1])

    @property
    def count(self) -> int:
        return int(self.x.size // self.width)

    @property
    def in_block(self) -> int:
        return THREADS // self.team

    @property
    def blocks(self) -> int:
        return -(-self.count // self.in_block)

    @property
    def adding_blocks(self) -> int:
        """The blocks where each adds up several rows: one at least, which then writes zeros."""
        return max(1, min(self.blocks, BLOCKS))

    def kernel(self, file: str, name: str) -> Kernel:
        return kernel(self.x, file, f"{name}<{c_type(self.x.dtype)}, {self.team}, {self.vector}>")

    def bytes_of(self, arrays: int, itemsize: int) -> int:
        """Memory for so many rows, times those that a block handles at once."""
        return arrays * self.in_block * self.width * itemsize

    def parts(self, gradient: Any) -> Any:
        """Space for what each team adds up for a gradient (width,), or None for None."""
        if gradient is None:
            return None
        return namespace(self.x).empty((self.adding_blocks * self.in_block, self.width), accumulated(self.x.dtype))


def rows_of(x: Any, *others: Any) -> Rows:
    """The rows of x for a kernel that reads or writes all these arrays, some of which may be None.

    A thread reads 16 bytes at a time, or single elements where not all rows begin at a multiple of 16.
    """
    width = x.shape[-1]
    return Rows(x, WARP if width <= NARROW else THREADS, elements_at_once(width, x, *others))


def fitting(run: Kernel, *wanted: int) -> list[int]:
    """For each number of bytes the same, or 0 where it does not fit the shared memory that those before have left."""
    left = min(run.most_shared_bytes - STATIC_BYTES, SHARED_BYTES)
    granted = []
    for size in wanted:
        granted.append(size if size <= left else 0)
        left -= granted[-1]
    return granted


def bind_gradients(
    file: str,
    name: str,
    arriving: tuple[Any, Any],
    total: Any,
    weights: tuple[Any, ...],
    targets: tuple[Any, Any],
    gradients: tuple[Any, ...],
    adds: tuple[bool, bool],
    gradient_adds: tuple[bool, ...],
) -> Bound:
    """The launches of the backward pass of a norm, by a kernel that takes its arrays in this order.

    dy and dtotal arrive; the weights are gamma and the statistics of rows; dx and dresidual are the targets; the
    gradients, of which some may be None, are summed over all rows.
    """
    gamma, *statistics = weights
    rows = rows_of(total, *arriving, gamma, *targets)
    run, parts = rows.kernel(file, name), [rows.parts(gradient) for gradient in gradients]
    summing = any(part is not None for part in parts)
    wanted = summing * rows.bytes_of(len(parts), statistics[0].itemsize), rows.bytes_of(2, total.itemsize)
    sums, kept = fitting(run, *wanted)
    options = rows.count, rows.width, *adds, sums > 0, kept > 0
    grid = rows.adding_blocks if summing else rows.blocks
    arrays = *arriving, total, *weights, *targets, *parts
    call = run.bind((grid,), (THREADS,), *arrays, *options, shared_bytes=sums + kept)
    sources = zip(parts, gradients, gradient_adds, strict=True)
    return in_turn([call, *(launch for source in sources for launch in add_up(*source))])


def add_up(parts: Any, gradient: Any, add: bool) -> list[Bound]:
    """The launches that add all parts to the gradient, or set it to their sum; none for None."""
    if gradient is None:
        return []
    return [launch_sums(parts, gradient, outer=1, length=parts.shape[0], inner=parts.shape[1], add=add)]
