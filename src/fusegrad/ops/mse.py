"""Mean squared error.

Shapes: x, target, dx, dtarget (batch, …); weight (batch,) or None; y, dy ().
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op
from fusegrad.ops.weighting import scale_gradient, weighted_mean


@op
def forward(x: Any, target: Any, weight: Any, y: Any) -> None:
    """y = the (weighted) mean of (x - target)²."""
    difference = x - target
    np.multiply(difference, difference, out=difference)
    y[...] = weighted_mean(difference, weight)


@op
def backward(dy: Any, x: Any, target: Any, weight: Any, dx: Any, dtarget: Any) -> None:
    """dx = 2 (x - target) dy / size, times the weights; dtarget = -dx.  Either may be None."""
    gradient = dtarget if dx is None else dx
    np.subtract(x, target, out=gradient)
    scale_gradient(gradient, 2 * dy, weight, x.size)
    if dtarget is not None:
        np.negative(gradient, out=dtarget)
