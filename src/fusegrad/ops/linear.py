"""The fully connected layer's product.

Shapes: x, dx (rows, width_in); weight, dweight (width_out, width_in); bias, dbias (width_out,);
y, dy (rows, width_out).  Gradients that nobody needs are None; bias may be None.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.matmul import matmul
from fusegrad.ops.op import op


@op
def forward(x: Any, weight: Any, bias: Any, y: Any) -> None:
    """y = x weightᵀ + bias."""
    matmul(x, weight.T, y)
    if bias is not None:
        np.add(y, bias, out=y)


@op
def backward(
    dy: Any,
    x: Any,
    weight: Any,
    dx: Any,
    dweight: Any,
    dbias: Any,
    *,
    add_dx: bool = False,
    add_dweight: bool = False,
    add_dbias: bool = False,
) -> None:
    """dx = dy weight, dweight = dyᵀ x, dbias = Σ dy over rows; each written, or added where `add_…` says so."""
    if dweight is not None:
        matmul(dy.T, x, dweight, add=add_dweight)
    if dbias is not None and add_dbias:
        np.add(dbias, dy.sum(0), out=dbias)
    elif dbias is not None:
        dy.sum(0, out=dbias)
    if dx is not None:
        matmul(dy, weight, dx, add=add_dx)
