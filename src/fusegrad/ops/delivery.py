"""What goes in and out of a captured step, turn by turn: a row of numbers for each, and a place for its result.

Shapes: turn a 0-d uint64 array; source (), ring (places,) of its dtype; table (rows, n), y (n,) of its dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import THREADS, blocks
from fusegrad.ops.op import Bound, bound_op, op

FILE = "delivery.cu"


@bound_op
def deliver(evaluator: str, source: Any, ring: Any, turn: Any) -> Bound:
    """ring[turn mod places] = source, then turn += 1."""
    places, one = len(ring), np.ones((), turn.dtype)

    def run() -> None:
        ring[turn.item() % places] = source
        np.add(turn, one, turn)

    return run


@deliver.cuda
def launch_deliver(source: Any, ring: Any, turn: Any) -> Bound:
    run = kernel(source, FILE, f"delivery_deliver<{c_type(source.dtype)}>")
    return run.bind((1,), (1,), source, ring, turn, len(ring))


@op
def row(table: Any, turn: Any, y: Any) -> None:
    """y = table[turn mod rows]; turn stays what it is."""
    y[...] = table[int(turn) % len(table)]


@row.cuda
def launch_row(table: Any, turn: Any, y: Any) -> Bound:
    run = kernel(table, FILE, f"delivery_row<{c_type(table.dtype)}>")
    return run.bind((blocks(y.size, THREADS),), (THREADS,), table, turn, y, len(table), y.size)
