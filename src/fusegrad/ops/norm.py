"""Norms: clipping by the global one (Pascanu et al., 2013, arXiv:1211.5063), and the trust ratio of LAMB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import THREADS, WORTH_A_BLOCK, blocks
from fusegrad.ops.op import Bound, bound_op, in_turn

AT_ONCE = 1 << 15  # elements, whose squares in float64 stay in a cache
FILE = "norm.cu"


@bound_op
def clip_scale(evaluator: str, scale: Any, *, gradients: tuple[Any, ...], limit: float) -> Bound:
    """scale *= min(1, limit / norm), where norm is that of all scale·gradients together; scale is 0-d.

    The squares are summed in float64, in which those of large float32 gradients do not overflow.
    """
    return partial(clip, scale, tuple(part for array in gradients for part in pieces(array)), limit)


def pieces(array: Any) -> Iterator[Any]:
    flat = array.reshape(-1)
    return (flat[start : start + AT_ONCE] for start in range(0, flat.size, AT_ONCE))


def clip(scale: Any, parts: tuple[Any, ...], limit: float) -> None:
    square = sum(np.square(part, dtype="float64").sum() for part in parts)
    scale *= limit / np.maximum(np.sqrt(square) * scale, limit)


@bound_op
def trust_ratio(evaluator: str, value: Any, direction: Any, ratio: Any) -> Bound:
    """ratio = ‖value‖ / ‖direction‖, or 1 where one of them is 0, for flat arrays; ratio is 0-d."""
    return partial(put_ratio, value, direction, ratio)


def put_ratio(value: Any, direction: Any, ratio: Any) -> None:
    size, length = np.sqrt(value.dot(value)), np.sqrt(direction.dot(direction))
    ratio[...] = np.where((size > 0) & (length > 0), size / np.where(length > 0, length, 1), 1)


@clip_scale.cuda
def launch_clip_scale(scale: Any, *, gradients: tuple[Any, ...], limit: float) -> Bound:
    parts, calls = bind_squares(scale, gradients)
    clipping = kernel(scale, FILE, f"norm_clip<{c_type(scale.dtype)}>")
    return in_turn([*calls, clipping.bind((1,), (THREADS,), parts, scale, parts.size, limit)])


@trust_ratio.cuda
def launch_trust_ratio(value: Any, direction: Any, ratio: Any) -> Bound:
    """In float64, in which squares do not overflow, whatever the dtype."""
    (values, first), (directions, second) = (bind_squares(ratio, [array]) for array in (value, direction))
    dividing = kernel(ratio, FILE, f"norm_ratio<{c_type(ratio.dtype)}>")
    divided = dividing.bind((1,), (THREADS,), values, directions, ratio, values.size, directions.size)
    return in_turn([*first, *second, divided])


def bind_squares(like: Any, arrays: Sequence[Any]) -> tuple[Any, list[Bound]]:
    """Space for partial sums of squares where `like` lies, some for each array, and the launches that compute them."""
    return bind_parts(like, arrays, FILE, "norm_squares", "float64")


def bind_parts(like: Any, arrays: Sequence[Any], file: str, name: str, dtype: str) -> tuple[Any, list[Bound]]:
    """Space of a dtype for one number of each block, and the launches of a kernel that go through the arrays for them.

    Its parameters are an array, the space, the size of the array and the place of its first block.
    """
    grids = [blocks(array.size, WORTH_A_BLOCK) for array in arrays]
    parts = namespace(like).empty(sum(grids), dtype)
    calls = []
    for number, (array, grid) in enumerate(zip(arrays, grids, strict=True)):
        run = kernel(array, file, f"{name}<{c_type(array.dtype)}>")
        calls.append(run.bind((grid,), (THREADS,), array, parts, array.size, sum(grids[:number])))
    return parts, calls
