"""The launches of kernels/cross_entropy.cu; parameters are those of the ops, of which `goal`, `losses` and `factor`,
space of the reference, are left alone."""

from __future__ import annotations

from math import prod
from typing import Any

from fusegrad.backend.cuda import namespace
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
    goal: Any,
    losses: Any,
    y: Any,
    probability: Any,
    ignored: int | None = None,
) -> Bound:
    """A launch for the rows, and one for their mean."""
    rows, width = matrix(x)
    share = teams(rows, width)
    numerators, totals = (namespace(x).empty(share.grid, accumulated(x.dtype)) for _ in range(2))
    run = kernel(
        x, FILE, f"cross_entropy_forward<{types(x, target, weight)}, {dense(target, smoothing)}, {share.size}>"
    )
    goals = target, weight, class_weight, 1 - smoothing, smoothing / width, label(ignored)
    each = run.bind(share.grid, share.block, x, *goals, probability, numerators, totals, rows, width)
    return in_turn([each, bind_quotient(numerators, totals, 1, y)])


def launch_backward(
    dy: Any,
    probability: Any,
    target: Any,
    weight: Any,
    class_weight: Any,
    smoothing: float,
    goal: Any,
    factor: Any,
    dx: Any,
    ignored: int | None = None,
) -> Bound:
    """A launch for the rows, after one for their weights where these differ.  dx may be the memory of probability."""
    rows, width = matrix(dx)
    share = teams(rows, width)
    differ = weight is not None or (target.dtype.kind != "f" and (class_weight is not None or ignored is not None))
    parts = min(blocks(rows, THREADS), THREADS)  # which every block adds up, one by each thread
    totals = namespace(dx).empty(parts, accumulated(dx.dtype)) if differ else None
    kind = types(dx, target, weight)
    run = kernel(dx, FILE, f"cross_entropy_backward<{kind}, {dense(target, smoothing)}, {share.size}>")
    goals = target, weight, class_weight, 1 - smoothing, smoothing / width, label(ignored)
    sums = totals, 0 if totals is None else totals.size
    each = run.bind(share.grid, share.block, dy, probability, *goals, *sums, dx, rows, width)
    if totals is None:
        return each
    count = kernel(dx, FILE, f"cross_entropy_totals<{kind}>")
    counted = target, weight, class_weight, label(ignored), totals, rows, width
    return in_turn([count.bind(totals.shape, (THREADS,), *counted), each])


def matrix(x: Any) -> tuple[int, int]:
    return prod(x.shape[:-1]), x.shape[-1]


def types(x: Any, target: Any, weight: Any) -> str:
    """The types of the logits, the targets and the weights as arguments of a template."""
    return ", ".join(c_type(array.dtype) for array in (x, target, x if weight is None else weight))


def dense(target: Any, smoothing: float) -> str:
    """Whether a row has goals beside its label."""
    return "true" if smoothing or target.dtype.kind == "f" else "false"


def label(ignored: int | None) -> int:
    return NOTHING_IGNORED if ignored is None else ignored
