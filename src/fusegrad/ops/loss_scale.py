"""The factor of a loss that keeps gradients in the range of float16: it adapts, and says whether to take a step.

Micikevicius et al., 2018, arXiv:1710.03740; the rule is that of PyTorch's GradScaler.  Of shape (4,) and float32, state
holds the factor, how many good steps have been taken with it, how many have been skipped, and whether to take this one,
1 or 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.backend.kernels import kernel
from fusegrad.ops.grids import THREADS
from fusegrad.ops.norm import bind_parts, pieces
from fusegrad.ops.op import Bound, in_turn, op

FILE = "loss_scale.cu"
LEAST, MOST = 1.0, 2.0**24


@op
def unscale(
    state: Any,
    scale: Any,
    *,
    gradients: tuple[Any, ...],
    growth_interval: int = 2000,
    growth: float = 2.0,
    backoff: float = 0.5,
) -> None:
    """scale /= factor; then the factor grows after `growth_interval` steps whose gradients are finite, or backs off.

    It stays between 1 and 2**24.  scale is 0-d, float32, and what gradients, which keep the factor, are to be
    multiplied by.
    """
    factor, good, skipped, _ = map(float, state)
    np.divide(scale, state[0], out=scale)
    if not all(np.isfinite(piece).all() for array in gradients for piece in pieces(array)):
        state[...] = max(factor * backoff, LEAST), 0, skipped + 1, 0
    elif good + 1 >= growth_interval:
        state[...] = min(factor * growth, MOST), 0, skipped, 1
    else:
        state[...] = factor, good + 1, skipped, 1


@unscale.cuda
def launch_unscale(
    state: Any,
    scale: Any,
    *,
    gradients: tuple[Any, ...],
    growth_interval: int = 2000,
    growth: float = 2.0,
    backoff: float = 0.5,
) -> Bound:
    flaws, calls = bind_parts(state, gradients, FILE, "loss_scale_flaws", "int32")
    run = kernel(state, FILE, "loss_scale_adapt")
    numbers = flaws.size, growth_interval, growth, backoff, LEAST, MOST
    return in_turn([*calls, run.bind((1,), (THREADS,), flaws, state, scale, *numbers)])
