"""The launches of kernels/cross_entropy.cu; parameters are those of the ops."""

from __future__ import annotations

from math import prod
from typing import Any

from fusegrad.backend.cuda import namespace
from fusegrad.backend.dtypes import is_float
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.ops.grids import THREADS, blocks, teams
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.weighting import bind_quotient

FILE = "cross_entropy.cu"
NOTHING_IGNORED = -(2**63)


def launch_forward(
    x: Any,
    target: Any,
    weight: Any,
    class_weight: Any,
    smoothing: float,
    y: Any,
    peaks: Any,
    sums: Any,
    ignored: int | None = None,
) -> Bound:
    """A launch for the rows, and one for their mean."""
    rows, width = matrix(x)
    share = teams(rows, width)
    numerators, totals = (namespace(x).empty(share.grid, sums.dtype) for _ in range(2))
    goals = target, weight, class_weight, 1 - smoothing, smoothing / width, label(ignored)
    run = kernel(
        x, FILE, f"cross_entropy_forward<{types(x, target, weight)}, {dense(target, smoothing)}, {share.size}>"
    )
    each = run.bind(share.grid, share.block, x, *goals, peaks, sums, numerators, totals, rows, width)
    return in_turn([each, bind_quotient(numerators, totals, 1, y)])


def launch_backward(
    dy: Any,
    x: Any,
    target: Any,
    weight: Any,
    class_weight: Any,
    smoothing: float,
    peaks: Any,
    sums: Any,
    dx: Any,
    ignored: int | None = None,
) -> Bound:
    """A launch for the rows, after one for their weights where these differ."""
    rows, width = matrix(x)
    share = teams(rows, width)
    differ = weight is not None or (not is_float(target.dtype) and (class_weight is not None or ignored is not None))
    parts = min(blocks(rows, THREADS), THREADS)  # which every block adds up, one by each thread
    totals = namespace(x).empty(parts, sums.dtype) if differ else None
    kind = types(x, target, weight)
    run = kernel(x, FILE, f"cross_entropy_backward<{kind}, {dense(target, smoothing)}, {share.size}>")
    goals = target, weight, class_weight, 1 - smoothing, smoothing / width, label(ignored)
    added = totals, 0 if totals is None else totals.size
    each = run.bind(share.grid, share.block, dy, x, *goals, peaks, sums, *added, dx, rows, width)
    if totals is None:
        return each
    count = kernel(x, FILE, f"cross_entropy_totals<{kind}>")
    counted = target, weight, class_weight, label(ignored), totals, rows, width
    return in_turn([count.bind(totals.shape, (THREADS,), *counted), each])


def matrix(x: Any) -> tuple[int, int]:
    return prod(x.shape[:-1]), x.shape[-1]


def types(x: Any, target: Any, weight: Any) -> str:
    """The types of the logits, the targets and the weights as arguments of a template."""
    of_weight = accumulated(x.dtype) if weight is None else weight.dtype
    return ", ".join(map(c_type, (x.dtype, target.dtype, of_weight)))


def dense(target: Any, smoothing: float) -> str:
    """Whether a row has goals beside its label."""
    return "true" if smoothing or is_float(target.dtype) else "false"


def label(ignored: int | None) -> int:
    return NOTHING_IGNORED if ignored is None else ignored
