"""Number types by name, bfloat16 among them, which NumPy has from the package ml_dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.errors import require_extra

HALVES = ("float16", "bfloat16")


def dtype_of(name: Any) -> np.dtype[Any]:
    """NumPy's dtype of that name; MissingExtra for bfloat16 where ml_dtypes is not installed."""
    if str(name) == "bfloat16":
        found: np.dtype[Any] = np.dtype(require_extra("ml_dtypes", "emulated", "bfloat16").bfloat16)
    else:
        found = np.dtype(name)
    return found


def is_float(dtype: Any) -> bool:
    """Whether numbers of a dtype, or of one of that name, are floating-point ones."""
    return str(dtype) == "bfloat16" or np.dtype(dtype).kind == "f"  # NumPy has no kind for types of others
