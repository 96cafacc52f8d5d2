"""Matrix products; every product of the library goes through here, so that a fused or captured one can take its place.

Shapes: a (…, rows, inner), b (…, inner, columns), y (…, rows, columns), each a view of any strides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op


@op
def matmul(a: Any, b: Any, y: Any, add: bool = False) -> None:
    """y = a b, or y += a b."""
    if add:
        np.add(y, np.matmul(a, b), out=y)
    else:
        np.matmul(a, b, out=y)
