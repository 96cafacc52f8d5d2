"""Channels moved into space, and back (Shi et al., 2016, arXiv:1609.05158).

Shapes: fine (batch, channels, extent · factor, …), coarse (batch, channels · factor^axes, extent, …).  Channel
c · factor² + i · factor + j of the coarse array has what is in channel c of the fine one at offset (i, j).
"""

from __future__ import annotations

from typing import Any

from fusegrad.ops.op import Bound, bound_op
from fusegrad.ops.transpose import transpose


@bound_op
def shuffle(evaluator: str, x: Any, y: Any, factor: int) -> Bound:
    """fine y of coarse x."""
    axes = x.ndim - 2
    order = [0, 1, *(axis for place in range(axes) for axis in (2 + axes + place, 2 + place))]
    return transpose.bound(evaluator, by_offset(x, factor), by_place(y, factor), axes=tuple(order))


@bound_op
def unshuffle(evaluator: str, x: Any, y: Any, factor: int) -> Bound:
    """coarse y of fine x."""
    axes = x.ndim - 2
    order = [0, 1, *(3 + 2 * place for place in range(axes)), *(2 + 2 * place for place in range(axes))]
    return transpose.bound(evaluator, by_place(x, factor), by_offset(y, factor), axes=tuple(order))


@bound_op
def shuffle_backward(evaluator: str, dy: Any, dx: Any, factor: int) -> Bound:
    """coarse dx of fine dy."""
    return unshuffle.bound(evaluator, dy, dx, factor)


@bound_op
def unshuffle_backward(evaluator: str, dy: Any, dx: Any, factor: int) -> Bound:
    """fine dx of coarse dy."""
    return shuffle.bound(evaluator, dy, dx, factor)


def by_offset(coarse: Any, factor: int) -> Any:
    """(batch, channels, factor, …, extent, …)."""
    batch, channels, *extents = coarse.shape
    return coarse.reshape(batch, channels // factor ** len(extents), *(factor,) * len(extents), *extents)


def by_place(fine: Any, factor: int) -> Any:
    """(batch, channels, extent, factor, …)."""
    batch, channels, *extents = fine.shape
    return fine.reshape(batch, channels, *(part for extent in extents for part in (extent // factor, factor)))
