"""Moving elements about: slices and concatenation, any shapes that fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op

Index = tuple[Any, ...]


@op
def take(x: Any, y: Any, *, index: Index) -> None:
    """y = x[index], for an index of slices and integers."""
    y[...] = x[index]


@op
def take_backward(dy: Any, dx: Any, *, index: Index, add_dx: bool) -> None:
    """dx[index] = dy and 0 elsewhere; or dx[index] += dy."""
    if add_dx:
        dx[index] += dy
    else:
        dx.fill(0)
        dx[index] = dy


@op
def concat(y: Any, *, parts: tuple[Any, ...], axis: int) -> None:
    """y = the parts one after the other along `axis`."""
    for part, stretch in zip(parts, stretches(y, parts, axis), strict=True):
        stretch[...] = part


@op
def split(y: Any, *, parts: tuple[Any, ...], like: tuple[Any, ...], axis: int) -> None:
    """The parts (or None) = the stretches of y that are as long as `like`."""
    for part, stretch in zip(parts, stretches(y, like, axis), strict=True):
        if part is not None:
            part[...] = stretch


def stretches(y: Any, parts: tuple[Any, ...], axis: int) -> list[Any]:
    ends = np.cumsum([part.shape[axis] for part in parts]).tolist()
    before = (slice(None),) * axis
    return [y[(*before, slice(start, end))] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def rows(array: Any) -> Any:
    """(…, width) seen as (rows, width); passes through what is two-dimensional already, and None."""
    return array if array is None or array.ndim == 2 else array.reshape(-1, array.shape[-1])
