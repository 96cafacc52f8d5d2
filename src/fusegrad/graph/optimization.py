"""How an optimizer meets the arena: what the graph asks of it, and the state that it keeps there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fusegrad.errors import perhaps
from fusegrad.graph.param import Param
from fusegrad.graph.schedule import parameters
from fusegrad.graph.spec import GraphError
from fusegrad.ops import norm

if TYPE_CHECKING:
    from fusegrad.graph.arena import ParamArena, Range


class Optimizer(Protocol):
    """What a program needs of an optimizer; `fusegrad.optimizers` has the ready ones.

    `slots` names its flat state arrays.  `scalars(count)` gives the numbers of update `count` = 1, 2, …
    `update` receives by name: `value`, `grad` and the slots, flat arrays that it updates in place; the scalars as 0-d
    arrays; `scale`, by which gradients are to be multiplied; `weight_decay`, 0 where decay does not apply.
    """

    slots: tuple[str, ...]
    weight_decay: float
    clip_norm: float | None
    update: Callable[..., None]

    def scalars(self, count: int) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class SavedState:
    """How many updates an optimizer has made, and its slots as host arrays: `m/layers.0.weight`."""

    count: int
    slots: dict[str, NDArray[Any]]


class OptimizerState:
    """Slots and scalars of one optimizer for the parameters that it trains."""

    def __init__(self, optimizer: Optimizer, arena: ParamArena, params: Sequence[Param]) -> None:
        self.optimizer, self.arena, self.params = optimizer, arena, tuple(params)
        self.count = 0
        self.ranges = arena.ranges(params, by_decay=optimizer.weight_decay != 0)
        size = sum(r.stop - r.start for r in self.ranges)
        self.slots = {name: arena.backend.zeros((size,), arena.dtype) for name in optimizer.slots}
        names = ["scale", *optimizer.scalars(1)]
        self.host = np.zeros(len(names), arena.dtype)
        self.device = arena.backend.zeros((len(names),), arena.dtype)
        self.scalars = {name: self.device[i : i + 1].reshape(()) for i, name in enumerate(names)}

    def advance(self, scale: float) -> None:
        """Put the numbers of the next update where the device reads them: one copy."""
        numbers = self.optimizer.scalars(self.count + 1)
        self.host[:] = (scale, *numbers.values())
        self.arena.backend.copy_in(self.device, self.host)
        self.count += 1

    def bind(self) -> list[Callable[[], None]]:
        """The calls of an update, bound to their arrays: clipping, then one update per stretch of the arena."""
        stretches = [self.arrays(stretch) for stretch in self.ranges]
        updates = [bind_by_name(self.optimizer, self.optimizer.update, arrays) for arrays in stretches]
        if self.optimizer.clip_norm is None:
            return updates
        gradients = tuple(arrays["grad"] for arrays in stretches)
        return [partial(norm.clip_scale, gradients, self.scalars["scale"], limit=self.optimizer.clip_norm), *updates]

    def arrays(self, stretch: Range) -> dict[str, Any]:
        """What `update` may name, for one stretch of the arena."""
        own = slice(stretch.start, stretch.stop)
        known = {"value": self.arena.value[own], "grad": self.arena.grad[own], **self.scalars}
        start = self.position(stretch.start)
        known |= {name: array[start : start + stretch.stop - stretch.start] for name, array in self.slots.items()}
        return known | {"weight_decay": self.optimizer.weight_decay if stretch.decay else 0.0}

    def position(self, index: int) -> int:
        """Where the slots hold what the arena holds at `index`."""
        return sum(min(index, r.stop) - r.start for r in self.ranges if r.start < index)

    def named_slots(self) -> dict[str, Any]:
        """Views of the state by slot and parameter: `m/layers.0.weight`."""
        views = {}
        for name, slot in self.slots.items():
            for param in self.params:
                start, stop = self.arena.places[param]
                at = self.position(start)
                views[f"{name}/{param.name}"] = slot[at : at + stop - start].reshape(param.shape)
        return views

    def saved(self) -> SavedState:
        """A fresh host copy of everything, to be restored here or elsewhere."""
        to_numpy = self.arena.backend.to_numpy
        return SavedState(self.count, {name: to_numpy(view) for name, view in self.named_slots().items()})

    def restore(self, saved: SavedState, strict: bool = True) -> None:
        """Take over a saved state by name; if `strict`, GraphError, and no change, where it does not fit."""
        views = self.named_slots()
        fitting = {n: v for n, v in views.items() if n in saved.slots and saved.slots[n].shape == v.shape}
        if strict and not len(fitting) == len(views) == len(saved.slots):
            odd = sorted((views.keys() | saved.slots.keys()) - fitting.keys())
            raise GraphError(f"{self.optimizer} expects a state for {list(views)}, got one that differs in {odd}")
        for name, view in fitting.items():
            view[...] = self.arena.backend.asarray(saved.slots[name])
        self.count = saved.count


def bind_by_name(owner: object, function: Callable[..., None], known: Mapping[str, Any]) -> Callable[[], None]:
    names = parameters(function)
    for name in names:
        if name not in known:
            raise GraphError(f"{owner}.update names {name!r}, which it is not given{perhaps(name, known)}")
    return partial(function, *(known[name] for name in names))
