"""An op to be timed, and the arrays that its case describes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fusegrad.ops import Op

DRAWN = 1 << 20


@dataclass(frozen=True)
class Case:
    """Arrays by name, as a shape (float32), (dtype, shape, limit), a tuple of shapes in a list, or another argument.

    `flops` counts additions, multiplications, divisions, comparisons and functions such as exp as one each; `moved` are
    the bytes that are read and written, where that is not every array once.
    """

    op: Op
    arrays: Mapping[str, Any]
    flops: int
    options: Mapping[str, Any] = field(default_factory=dict)
    moved: int | None = None

    def nbytes(self, arrays: Mapping[str, Any]) -> int:
        """The bytes that a call on these arrays has to move."""
        return size(tuple(arrays.values())) if self.moved is None else self.moved


def make(backend, entry):
    """The array, or the tuple of arrays, of an entry of a case; other entries stay what they are."""
    generator = np.random.default_rng(0)
    match entry:
        case list():
            return tuple(make(backend, item) for item in entry)
        case (str(dtype), shape, limit):
            return backend.asarray(repeated(shape, lambda count: generator.integers(0, limit, count).astype(dtype)))
        case tuple():
            return backend.asarray(repeated(entry, lambda count: generator.uniform(0.5, 1, count).astype("float32")))
    return entry


def repeated(shape, draw):
    """An array in which the numbers drawn first are repeated where it is large: drawing takes its time."""
    return np.resize(draw(min(DRAWN, math.prod(shape))), shape)


def size(argument) -> int:
    return sum(map(size, argument)) if isinstance(argument, tuple) else getattr(argument, "nbytes", 0)
