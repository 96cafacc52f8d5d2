"""How kernels share out work among blocks.

All of it follows from shapes and addresses, never from the device, so that sums have the same bits on every GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WARP, THREADS, LARGE_BLOCK = 32, 256, 512  # threads: of a warp, of a block as most kernels have it, for very long rows
MULTIPROCESSORS = 128  # of a large GPU; an H200 has 132
FILLING = 8 * MULTIPROCESSORS  # blocks that run there at once: more of them would wait, or take turns
WORTH_A_BLOCK = 4096  # neighbours of a sum; not measured
FEW_ROWS = 256  # below that, a row is worth a whole block
ACCESS_BYTES = 16  # that one instruction moves


@dataclass(frozen=True)
class Teams:
    """Teams of threads that share a row, see kernels/teams.cuh: the threads of one, and a launch that has all rows."""

    size: int
    grid: tuple[int, ...]
    block: tuple[int, ...]


def teams(rows: int, width: int) -> Teams:
    """Teams for rows of some width: a warp as long as it reads each thread's share in a few steps."""
    size = WARP if width <= 1024 else THREADS if width <= 16384 else LARGE_BLOCK
    threads = max(size, THREADS)
    return Teams(size, (blocks(rows, threads // size),), (threads,))


def blocks(items: int, each: int) -> int:
    """Blocks of which each takes some items at a time: as few as do it in one go, up to what fills a GPU."""
    return min(-(-items // each), FILLING)


def rows_by_columns(rows: int, columns: int, widest: int = WARP) -> tuple[tuple[int, int], tuple[int, int]]:
    """Grid and block: threads (x, y) of a block, y its rows; x, and the second axis of the grid, share out the columns.

    As many threads have a row as it has columns, a power of two up to `widest`.
    """
    across = min(widest if rows >= FEW_ROWS else THREADS, 1 << max(0, columns - 1).bit_length())
    down = THREADS // across
    high, rounds = -(-rows // down), -(-columns // across)
    return (high, min(rounds, max(1, 2 * FILLING // max(1, high)))), (across, down)


def elements_at_once(width: int, *arrays: Any) -> int:
    """How many neighbours one access moves in rows of `width` elements: 16 bytes of them, or one.

    The first of the arrays says how large elements are; others may be None.
    """
    count = ACCESS_BYTES // int(arrays[0].itemsize)
    aligned = all(array.data.ptr % ACCESS_BYTES == 0 for array in arrays if array is not None)
    return count if aligned and width % count == 0 else 1
