"""The fully connected layer's product.

Shapes: x, dx (…, width_in); weight, dweight (width_out, width_in); bias, dbias (width_out,); y, dy (…, width_out).
Gradients that nobody needs are None; bias may be None.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.matmul import matmul
from fusegrad.ops.op import op
from fusegrad.ops.shape import rows

product = matmul.reference  # a reference calls references: what runs is chosen once, for the whole op


@op
def forward(x: Any, weight: Any, bias: Any, y: Any) -> None:
    """y = x weightᵀ + bias."""
    if x.ndim != 2:
        x, y = rows(x), rows(y)
    product(x, weight.T, y)
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
    add_dx: bool = False,
    add_dweight: bool = False,
    add_dbias: bool = False,
) -> None:
    """dx = dy weight, dweight = dyᵀ x, dbias = Σ dy over rows; each written, or added where `add_…` says so."""
    if x.ndim != 2:
        dy, x, dx = rows(dy), rows(x), rows(dx)
    if dweight is not None:
        product(dy.T, x, dweight, add_dweight)
    if dbias is not None and add_dbias:
        np.add(dbias, dy.sum(0), out=dbias)
    elif dbias is not None:
        dy.sum(0, out=dbias)
    if dx is not None:
        product(dy, weight, dx, add_dx)
