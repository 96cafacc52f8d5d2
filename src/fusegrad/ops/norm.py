"""Clipping by the global norm of several arrays (Pascanu et al., 2013, arXiv:1211.5063)."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op


@op
def clip_scale(scale: Any, *, gradients: tuple[Any, ...], limit: float) -> None:
    """scale *= min(1, limit / norm), where norm is that of all scale·gradients together; scale is 0-d.

    The squares are summed in float64, in which those of large float32 gradients do not overflow.
    """
    square = sum(np.square(gradient, dtype="float64").sum() for gradient in gradients)
    scale *= limit / np.maximum(np.sqrt(square) * scale, limit)
