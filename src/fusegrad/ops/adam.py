"""Adam over flat arrays (Kingma and Ba, 2015, arXiv:1412.6980), with decay decoupled or added to the gradient.

Shapes: value, m, v (size,), updated in place; grad (size,); rate, scale, correction1, correction2: 0-d.
correction1 = 1 - beta1ᵗ, correction2 = 1 - beta2ᵗ at update t.  g below is scale·grad.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op


@op
def update(
    value: Any,
    grad: Any,
    m: Any,
    v: Any,
    rate: Any,
    scale: Any,
    correction1: Any,
    correction2: Any,
    *,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """m = β1 m + (1-β1) g, v = β2 v + (1-β2) g², value -= rate (m / c1) / (sqrt(v / c2) + eps).

    Decay adds weight_decay·value to g; decoupled, it first shrinks value by rate·weight_decay·value
    (Loshchilov and Hutter, 2019, arXiv:1711.05101).
    """
    scale, rate, correction1 = scale[()], rate[()], correction1[()]  # NumPy scalars, faster than 0-d arrays
    if scale != 1:
        grad = grad * scale
    if weight_decay and decoupled:
        np.multiply(value, 1 - rate * weight_decay, out=value)
    elif weight_decay:
        grad = grad + weight_decay * value
    np.multiply(m, beta1, out=m)
    scratch = grad * (1 - beta1)
    np.add(m, scratch, out=m)
    np.multiply(v, beta2, out=v)
    np.multiply(grad, grad, out=scratch)
    np.multiply(scratch, 1 - beta2, out=scratch)
    np.add(v, scratch, out=v)
    np.divide(v, correction2, out=scratch)
    np.sqrt(scratch, out=scratch)
    np.add(scratch, eps, out=scratch)
    np.divide(m, scratch, out=scratch)
    np.multiply(scratch, rate / correction1, out=scratch)
    np.subtract(value, scratch, out=value)
