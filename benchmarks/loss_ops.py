"""Cases of `bench_ops.py`: losses, softmax, and what scores predictions."""

from __future__ import annotations

from op_arrays import Case
from op_sizes import LABELS, LOGITS, PLANE, ROWS, WIDTH, L, N

from fusegrad.expr import Function
from fusegrad.losses.binary import binary_cross_entropy
from fusegrad.losses.regression import squared_error
from fusegrad.ops import cross_entropy, log_softmax, mean_loss, r2, scoring

CLASSIFIED = {"weight": None, "class_weight": None, "smoothing": 0.0}
LABELLED, SOFT = {"target": LABELS, **CLASSIFIED}, {"target": LOGITS, **CLASSIFIED}
KEPT = {"x": LOGITS, "peaks": (ROWS,), "sums": (ROWS,)}
SCORED, UNSCORED = {**KEPT, "y": ()}, {**KEPT, "dy": (), "dx": LOGITS}
BACK = {"dy": LOGITS, "y": LOGITS, "dx": LOGITS}
SUMS = ("float64", (2,), 9)
CHOICES = {"prediction": LOGITS, "target": LABELS, "weight": None, "sums": SUMS}
NUMBERS = {"prediction": PLANE, "target": PLANE, "weight": None}


def of_two(f: Function, flops: int, backward_flops: int) -> dict[str, Case]:
    """A loss of predictions and targets, forward and backward."""
    given = {"x": PLANE, "target": PLANE, "weight": None}
    back = {"dy": (), **given, "factor": (ROWS,), "dx": PLANE, "dtarget": None}
    return {
        str(f): Case(mean_loss.forward(f), {**given, "losses": PLANE, "y": ()}, flops * N),
        f"{f}_backward": Case(mean_loss.backward(f), back, backward_flops * N),
    }


CASES = {
    **of_two(binary_cross_entropy, 8, 6),
    **of_two(squared_error, 3, 3),
    "cross_entropy": Case(cross_entropy.forward, {**SCORED, **LABELLED}, 4 * L),
    "cross_entropy_backward": Case(cross_entropy.backward, {**UNSCORED, **LABELLED}, 3 * L),
    "soft_cross_entropy": Case(cross_entropy.forward, {**SCORED, **SOFT}, 7 * L),
    "soft_cross_entropy_backward": Case(cross_entropy.backward, {**UNSCORED, **SOFT}, 6 * L),
    "log_softmax": Case(log_softmax.forward, {"x": LOGITS, "y": LOGITS}, 5 * L),
    "log_softmax_backward": Case(log_softmax.backward, BACK, 4 * L),
    "softmax": Case(log_softmax.softmax_forward, {"x": LOGITS, "y": LOGITS}, 5 * L),
    "softmax_backward": Case(log_softmax.softmax_backward, BACK, 4 * L),
    "accuracy": Case(scoring.accuracy, CHOICES, L),
    "top_k": Case(scoring.top_k, CHOICES, L, {"k": 5}),
    "absolute_error": Case(scoring.absolute_error, {**NUMBERS, "sums": SUMS}, 3 * N),
    "r2": Case(r2.add, {**NUMBERS, "sums": ("float64", (4, WIDTH), 2)}, 8 * N),
}
