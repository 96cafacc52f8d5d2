"""Binary cross-entropy of logits.

Shapes: x, target, dx (batch, …), target in [0, 1]; weight (batch,) or None; y, dy ().
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.activation import sigmoid
from fusegrad.ops.op import op
from fusegrad.ops.weighting import scale_gradient, weighted_mean


@op
def forward(x: Any, target: Any, weight: Any, y: Any) -> None:
    """y = the (weighted) mean of max(x, 0) - x target + log(1 + exp(-|x|)), which overflows nowhere."""
    losses = np.abs(x)
    np.negative(losses, out=losses)
    np.exp(losses, out=losses)
    np.log1p(losses, out=losses)
    np.add(losses, np.maximum(x, 0), out=losses)
    np.subtract(losses, x * target, out=losses)
    y[...] = weighted_mean(losses, weight)


@op
def backward(dy: Any, x: Any, target: Any, weight: Any, dx: Any) -> None:
    """dx = (sigmoid(x) - target) dy / size, times the weights."""
    sigmoid(x, dx)
    np.subtract(dx, target, out=dx)
    scale_gradient(dx, dy, weight, x.size)
