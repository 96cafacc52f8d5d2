"""Arguments of a recorded operation: numbers by value, arrays as what they point to and not kept alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.array import Array
from cuda_on_cpu.stand_in.memory import Memory
from cuda_on_cpu.stand_in.nesting import inside


@dataclass(frozen=True)
class FrozenArray:
    """An array whose memory may be freed.  `host` keeps the bytes from others, but not the allocation."""

    stand_in: Any
    host: NDArray[Any]
    memory: ref[Memory]
    device: Any

    @property
    def bounds(self) -> tuple[int, int]:
        low, high = np.lib.array_utils.byte_bounds(self.host)
        return low, high

    def require_alive(self, user: str) -> None:
        self.thawed(user)

    def thawed(self, user: str) -> Array:
        memory = self.memory()
        if memory is None:
            raise LaunchError(
                f"{user} uses memory that has been freed, an array of {self.host.dtype} and shape {self.host.shape}: "
                "keep what a graph uses as long as the graph"
            )
        return Array(self.stand_in, self.host, memory, self.device)


def frozen(value: Any) -> Any:
    """`value`, also inside of tuples, lists and dictionaries."""
    if isinstance(value, Array):
        return FrozenArray(value.stand_in, value.host, ref(value.memory), value.device)
    return inside(value, frozen)


def thawed(value: Any, user: str) -> Any:
    """What `frozen` was given; LaunchError where memory has been freed."""
    if isinstance(value, FrozenArray):
        return value.thawed(user)
    return inside(value, lambda part: thawed(part, user))
