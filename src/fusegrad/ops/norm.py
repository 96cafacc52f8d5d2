"""Clipping by the global norm of several arrays (Pascanu et al., 2013, arXiv:1211.5063)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from fusegrad.ops.op import Bound, bound_op

AT_ONCE = 1 << 15  # elements, whose squares in float64 stay in a cache


@bound_op
def clip_scale(evaluator: str, scale: Any, *, gradients: tuple[Any, ...], limit: float) -> Bound:
    """scale *= min(1, limit / norm), where norm is that of all scale·gradients together; scale is 0-d.

    The squares are summed in float64, in which those of large float32 gradients do not overflow.
    """
    parts = gradients if evaluator == "cuda" else tuple(part for array in gradients for part in pieces(array))
    return partial(clip, scale, parts, limit)


def pieces(array: Any) -> Iterator[Any]:
    flat = array.reshape(-1)
    return (flat[start : start + AT_ONCE] for start in range(0, flat.size, AT_ONCE))


def clip(scale: Any, parts: tuple[Any, ...], limit: float) -> None:
    square = sum(np.square(part, dtype="float64").sum() for part in parts)
    scale *= limit / np.maximum(np.sqrt(square) * scale, limit)
