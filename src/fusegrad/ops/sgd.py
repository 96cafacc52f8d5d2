"""Stochastic gradient descent over flat arrays.

Shapes: value, velocity (size,), updated in place; grad (size,); rate, scale: 0-d.
g below is scale·grad + weight_decay·value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op


@op
def update(value: Any, grad: Any, rate: Any, scale: Any, *, weight_decay: float) -> None:
    """value -= rate g."""
    grad = decayed(value, grad, scale, weight_decay)
    np.subtract(value, rate * grad, out=value)


@op
def momentum_update(
    value: Any, grad: Any, velocity: Any, rate: Any, scale: Any, *, momentum: float, nesterov: bool, weight_decay: float
) -> None:
    """velocity = momentum velocity + g; value -= rate velocity, or rate (g + momentum velocity) with `nesterov`.

    Polyak, 1964; Sutskever et al., 2013, in the form that PyTorch uses.
    """
    grad = decayed(value, grad, scale, weight_decay)
    np.multiply(velocity, momentum, out=velocity)
    np.add(velocity, grad, out=velocity)
    direction = grad + momentum * velocity if nesterov else velocity
    np.subtract(value, rate * direction, out=value)


def decayed(value: Any, grad: Any, scale: Any, weight_decay: float) -> Any:
    """g: the gradient itself where nothing changes it, else a new array."""
    if scale[()] != 1:
        grad = grad * scale
    return grad + weight_decay * value if weight_decay else grad
