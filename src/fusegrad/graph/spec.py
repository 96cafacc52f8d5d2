"""What the planner knows of an array that does not exist yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.dtypes import dtype_of, is_float


class GraphError(ValueError):
    """A graph that cannot be built or run; the message names the layer or argument, what it expects and what came."""

    def within(self, place: str) -> GraphError:
        """The same error with the place in a model in front."""
        return GraphError(f"{place}: {self}")


@dataclass(frozen=True)
class Spec:
    """Shape and dtype of an array; layers compute the Spec of their outputs from those of their inputs."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(extent) for extent in self.shape))
        object.__setattr__(self, "dtype", dtype_of(self.dtype).name)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * dtype_of(self.dtype).itemsize

    @property
    def is_float(self) -> bool:
        return is_float(self.dtype)

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype}"


@dataclass(eq=False)
class Buffer:
    """An array to be, compared by identity.

    A buffer with a spec is placed in the block by the planner; one without belongs to the arena (parameters,
    gradients, optimizer state, seed and step) and is found there when calls are bound.
    """

    spec: Spec | None = None


@dataclass(eq=False)
class Constant(Buffer):
    """An array that never changes, copied to the backend when calls are bound."""

    array: Any = None


@dataclass(frozen=True)
class Arrays:
    """What a layer asks for.

    `outputs` and `saved` name the arrays that its passes receive; saved ones live until backward has read them.
    `constants` gives further ones, and options of ops, with their values (None for one that is absent).
    `indices` names integer inputs whose values must lie in 0 .. limit-1, `exempt` one more value that one may have.
    """

    outputs: dict[str, Spec]
    saved: dict[str, Spec] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    indices: dict[str, int] = field(default_factory=dict)
    exempt: dict[str, int] = field(default_factory=dict)


def require(condition: bool, owner: object, expected: str, got: object) -> None:
    """Raise the one kind of error that layers raise: owner, what it expects, what came."""
    if not condition:
        raise GraphError(f"{owner} expects {expected}, got {got}")


def is_whole(number: object) -> bool:
    """Whether it is an integer of Python or NumPy; truth values are none."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)
