"""Shapes that the cases of `bench_ops.py` share, and what more than one of its files says of arguments."""

from __future__ import annotations

from math import prod
from typing import Any

import sizes

ROWS, WIDTH, CLASSES, SIZE = sizes.chosen(
    (64, 128, 100, 1 << 12), (512, 1024, 1000, 1 << 20), (4096, 4096, 32000, 1 << 25)
)
PLANE, HALF, LOGITS, LABELS = (ROWS, WIDTH), (ROWS, WIDTH // 2), (ROWS, CLASSES), ("int64", (ROWS,), CLASSES)
N, L = ROWS * WIDTH, ROWS * CLASSES
BATCH, CHANNELS, EXTENT = sizes.chosen((2, 8, 8), (64, 32, 28), (256, 128, 56))
PLANES = (BATCH, CHANNELS)
IMAGES = (*PLANES, EXTENT, EXTENT)
IMAGE_SIZE = prod(IMAGES)
SEED, STEP = ("uint64", (), 9), ("uint64", (), 9)
DRAW = {"seed": SEED, "step": STEP, "node": 1}


def alike(*names: str) -> dict[str, Any]:
    """Arrays of PLANE."""
    return dict.fromkeys(names, PLANE)
