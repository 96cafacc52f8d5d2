"""Cases of `bench_ops.py`: dropout and noise, whose draws are functions of seed, step, node and place."""

from __future__ import annotations

from op_arrays import Case
from op_sizes import DRAW, IMAGE_SIZE, IMAGES, PLANE, PLANES, N

from fusegrad.ops import dropout, noise, stretch_dropout

RATE, STD = {"rate": 0.1}, {"std": 0.1}
MASK, STRETCHES = ("uint8", PLANE, 2), ("uint8", PLANES, 2)

CASES = {
    "dropout": Case(dropout.forward, {"x": PLANE, "y": PLANE, "mask": MASK, **DRAW}, 3 * N, RATE),
    "dropout_backward": Case(dropout.backward, {"dy": PLANE, "mask": MASK, "dx": PLANE}, 2 * N, RATE),
    "stretch_dropout": Case(
        stretch_dropout.forward, {"x": IMAGES, "y": IMAGES, "mask": STRETCHES, **DRAW}, 2 * IMAGE_SIZE, RATE
    ),
    "stretch_dropout_backward": Case(
        stretch_dropout.backward, {"dy": IMAGES, "mask": STRETCHES, "dx": IMAGES}, 2 * IMAGE_SIZE, RATE
    ),
    "normal": Case(noise.normal, {"y": PLANE, **DRAW}, N, {"mean": 0.0, "std": 1.0}),
    "noise_plus": Case(noise.plus, {"x": PLANE, "y": PLANE, **DRAW}, 2 * N, STD),
    "noise_times": Case(noise.times, {"x": PLANE, "y": PLANE, **DRAW}, 3 * N, STD),
    "noise_times_backward": Case(noise.times_backward, {"dy": PLANE, "dx": PLANE, **DRAW}, 3 * N, STD),
}
