"""Sums over axes: x, dx of any shape; y, dy with the summed axes kept as 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op


@op
def total(x: Any, y: Any, *, axis: tuple[int, ...], scale: float) -> None:
    """y = scale · the sum of x over `axis`."""
    x.sum(axis=axis, keepdims=True, out=y)
    if scale != 1:
        np.multiply(y, scale, out=y)


@op
def total_backward(dy: Any, dx: Any, *, scale: float) -> None:
    """dx = scale dy, spread over the summed axes."""
    np.multiply(dy, scale, out=dx)
