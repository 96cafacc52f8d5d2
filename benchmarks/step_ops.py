"""Cases of `bench_ops.py`: what a training step does beside its network: updates, batches, counters and numbers."""

from __future__ import annotations

from op_arrays import Case
from op_sizes import PLANE, ROWS, SEED, SIZE, STEP, WIDTH, N

from fusegrad.expr import function, sqrt
from fusegrad.ops import counter, delivery, loops, loss_scale, norm, resident


def _adam(value, grad, m, v, *, rate, correction):
    m = 0.9 * m + 0.1 * grad
    v = 0.999 * v + 0.001 * (grad * grad)
    return value - rate * m / (sqrt(v) * correction + 1e-8), m, v


adam = loops.update(function(_adam, name="adam"), ("value", "m", "v"))

CASES = {
    "adam": Case(
        adam,
        dict.fromkeys(("value", "grad", "m", "v"), (SIZE,)) | {"rate": (), "correction": ()},
        13 * SIZE,
        moved=28 * SIZE,
    ),
    "clip": Case(norm.clip_scale, {"scale": (), "gradients": [(SIZE,)]}, 2 * SIZE, {"limit": 1.0}),
    "unscale": Case(
        loss_scale.unscale,
        {"state": (4,), "scale": (), "gradients": [(SIZE,)]},
        SIZE,
        {"growth_interval": 1},  # so that the scale falls from run to run: it overflows where the factor is below 1
    ),
    "trust_ratio": Case(norm.trust_ratio, {"value": (SIZE,), "direction": (SIZE,), "ratio": ()}, 4 * SIZE),
    "count": Case(counter.count, {"step": STEP}, 1),
    "batch": Case(
        resident.take,
        {"x": (4 * ROWS, WIDTH), "y": PLANE, "seed": SEED, "epoch": STEP, "batch": ("uint64", (), 4)},
        0,
        moved=8 * N,
    ),
    "next_batch": Case(resident.advance, {"batch": STEP, "epoch": STEP}, 2, {"batches": 100}),
    "deliver": Case(delivery.deliver, {"source": (), "ring": (SIZE,), "turn": STEP}, 1, moved=24),
    "row": Case(delivery.row, {"table": (ROWS, 8), "turn": STEP, "y": (8,)}, 0, moved=72),
}
