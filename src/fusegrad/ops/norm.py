"""Clipping by the global norm of several arrays (Pascanu et al., 2013, arXiv:1211.5063)."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op


@op
def clip_scale(scale: Any, *, gradients: tuple[Any, ...], limit: float) -> None:
    """scale *= min(1, limit / norm), where norm is that of all scale·gradients together; scale is 0-d.

    The division is guarded by the smallest normal number, so that gradients that are all zero leave scale as it is.
    """
    square = sum(np.vdot(gradient, gradient) for gradient in gradients)
    norm = np.sqrt(square) * scale
    scale *= np.minimum(1, limit / np.maximum(norm, np.finfo(scale.dtype).tiny))
