"""The mean of each channel, and the sum of squared deviations from it, which does not cancel where the mean is large.

Shapes: x (batch, channels, *extents), contiguous, with at least one element for each channel; center, squares
(channels,), float32 where x is float16 or bfloat16.
"""

from __future__ import annotations

from typing import Any

from fusegrad.ops.channels import blocks
from fusegrad.ops.channels.kernels import launch_moments
from fusegrad.ops.channels.planes import Planes, is_for_numba
from fusegrad.ops.op import Bound, bound_op


@bound_op
def moments(evaluator: str, x: Any, center: Any, squares: Any) -> Bound:
    """center = the mean of x, squares = Σ (x - center)², both over samples and places."""
    if is_for_numba(evaluator, x):
        from fusegrad.ops.channels import loops  # here, since only who has Numba needs it

        return loops.bind_moments(Planes(x).cube(x), center, squares)
    return blocks.bind_moments(x, center, squares)


moments.cuda(launch_moments)
