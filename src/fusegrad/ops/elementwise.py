"""Fill, copy and accumulate: x, y of any one shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op


@op
def fill(x: Any, number: float) -> None:
    """x = number."""
    x.fill(number)


@op
def copy(x: Any, y: Any) -> None:
    """y = x."""
    y[...] = x


@op
def accumulate(x: Any, y: Any) -> None:
    """y += x."""
    np.add(y, x, out=y)
