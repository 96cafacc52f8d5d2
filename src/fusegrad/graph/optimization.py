"""How an optimizer meets the arena: what the graph asks of it, and the state that it keeps there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend import Backend
from fusegrad.errors import perhaps
from fusegrad.graph.calls import parameters
from fusegrad.graph.layout import Layout, aligned
from fusegrad.graph.param import Param
from fusegrad.graph.scaling import LossScaling
from fusegrad.graph.spec import GraphError
from fusegrad.ops import Op, norm

Copies = tuple[tuple[str, str], ...]


class Optimizer(Protocol):
    """What a program needs of an optimizer; `fusegrad.optimizers` has the ready ones.

    `slots` names its flat state arrays.  `scalars(count)` gives the numbers of update `count` = 1, 2, …
    `update(decay)` gives the op for parameters with or without decay, which may name `value`, `grad` and the slots,
    flat arrays that it overwrites; the scalars as 0-d arrays; and `scale`, by which gradients are to be multiplied.
    `decays` says whether the two differ, and `per_parameter` whether the op is for one parameter at a time, else it is
    for a stretch of many.  Under mixed precision `update` is given `copies`, pairs of a further array and the one whose
    new values it gets; and under loss scaling `conditional`, and then names `proceed`, 0-d, and does nothing where that
    is 0.
    """

    slots: tuple[str, ...]
    clip_norm: float | None
    per_parameter: bool

    @property
    def decays(self) -> bool: ...
    def scalars(self, count: int) -> Mapping[str, float]: ...
    def update(self, decay: bool, copies: Copies = (), conditional: bool = False) -> Op: ...


@dataclass(frozen=True)
class SavedState:
    """How many updates an optimizer has made, and its slots as host arrays: `m/layers.0.weight`."""

    count: int
    slots: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Flat:
    """The flat arrays of an arena: values, gradients, and values in half precision, and where parameters lie."""

    layout: Layout
    value: Any
    grad: Any
    half: Any
    scaling: LossScaling | None
    backend: Backend


class OptimizerState:
    """Slots and scalars of one optimizer for what it trains of the flat arrays."""

    def __init__(self, optimizer: Optimizer, params: Sequence[Param], flat: Flat) -> None:
        self.optimizer, self.flat, self.backend = optimizer, flat, flat.backend
        backend, value, layout = flat.backend, flat.value, flat.layout
        self.params = sorted(params, key=layout.places.__getitem__)
        groups = [[param] for param in self.params] if optimizer.per_parameter else [self.params]
        self.ranges = [part for group in groups for part in layout.ranges(group, by_decay=optimizer.decays)]
        self.layout = Layout(self.params)  # of the slots, which have no room for what others train
        self.slots = {name: backend.zeros((self.layout.size,), value.dtype) for name in optimizer.slots}
        names = ["scale", *optimizer.scalars(1)]
        self.pick = itemgetter(*names)  # by name, since nothing asks an optimizer to keep an order
        self.host = np.zeros(len(names), value.dtype)
        self.device = backend.asarray(self.host)
        self.scalars = {name: self.device[i : i + 1].reshape(()) for i, name in enumerate(names)}
        self.count = 0
        self.feed = backend.feeder([self.device])
        self.ops = {decay: self.op(decay) for decay in sorted({part.decay for part in self.ranges})}
        with backend.using_stream():  # and on its device, for what kernels need beside their arrays
            self.updates = self.bind()

    def prepare(self, scale: float) -> None:
        """Put the numbers of the next update where the device reads them: one copy.  Count it when it was made."""
        self.feed(self.numbers_to_feed(scale))

    def numbers_to_feed(self, scale: float = 1.0) -> list[Any]:
        """The numbers of the next update, for who copies them in; none where the host has them in place."""
        self.host[:] = self.numbers(self.count + 1, scale)
        return [] if self.device is self.host else [self.host]

    def numbers(self, count: int, scale: float) -> tuple[float, ...]:
        """The scalars of update `count` = 1, 2, …"""
        picked: tuple[float, ...] = self.pick({**self.optimizer.scalars(count), "scale": scale})
        return picked

    def bind(self) -> list[Callable[[], None]]:
        """The calls of an update, bound to their arrays: scaling, clipping, then an update per stretch of the arena."""
        stretches = list(self.stretches())
        pairs = zip(self.ranges, stretches, strict=True)
        updates = [self.bind_by_name(self.ops[part.decay], arrays) for part, arrays in pairs]
        return [*self.bind_scale(tuple(arrays["grad"] for arrays in stretches)), *updates]

    def bind_scale(self, gradients: tuple[Any, ...]) -> Iterator[Callable[[], None]]:
        """The calls that make of `scale` what gradients are to be multiplied by."""
        scale, limit = self.scalars["scale"], self.optimizer.clip_norm
        if self.flat.scaling is not None:
            yield self.flat.scaling.unscale(scale, gradients)
        if limit is not None:
            yield norm.clip_scale.bound(self.backend.evaluator, scale, gradients=gradients, limit=limit)

    def op(self, decay: bool) -> Op:
        """The update, as mixed precision wants it."""
        options: dict[str, Any] = {} if self.flat.half is None else {"copies": (("half", "value"),)}
        if self.flat.scaling is not None:
            options["conditional"] = True
        return self.optimizer.update(decay, **options)

    def bind_by_name(self, update: Op, known: Mapping[str, Any]) -> Callable[[], None]:
        names = parameters(update)
        for name in names:
            if name not in known:
                raise GraphError(f"{self.optimizer}.update names {name!r}, which it is not given{perhaps(name, known)}")
        return update.bound(self.backend.evaluator, *(known[name] for name in names))

    def stretches(self) -> Iterator[dict[str, Any]]:
        """What `update` may name, for one stretch of the arena after the other."""
        stop = 0
        for stretch in self.ranges:
            own = slice(stretch.start, stretch.stop)
            start = aligned(stop)
            stop = start + stretch.stop - stretch.start
            known = {"value": self.flat.value[own], "grad": self.flat.grad[own], **self.scalars}
            if self.flat.half is not None:
                known["half"] = self.flat.half[own]
            if self.flat.scaling is not None:
                known["proceed"] = self.flat.scaling.proceed
            known |= {name: array[start:stop] for name, array in self.slots.items()}
            yield known

    def named_slots(self) -> dict[str, Any]:
        """Views of the state by slot and parameter: `m/layers.0.weight`."""
        pairs = ((name, slot, param) for name, slot in self.slots.items() for param in self.params)
        return {f"{name}/{param.name}": self.layout.view(slot, param) for name, slot, param in pairs}

    def saved(self) -> SavedState:
        """A fresh host copy of everything, to be restored here or elsewhere."""
        to_numpy = self.backend.to_numpy
        return SavedState(self.count, {name: to_numpy(view) for name, view in self.named_slots().items()})

    def restore(self, saved: SavedState, strict: bool = True) -> None:
        """Take over a saved state by name; if `strict`, GraphError, and no change, where it does not fit."""
        views = self.named_slots()
        fitting = {n: v for n, v in views.items() if n in saved.slots and saved.slots[n].shape == v.shape}
        if strict and not len(fitting) == len(views) == len(saved.slots):
            odd = sorted((views.keys() | saved.slots.keys()) - fitting.keys())
            raise GraphError(f"{self.optimizer} expects a state for {list(views)}, got one that differs in {odd}")
        for name, view in fitting.items():
            view[...] = self.backend.asarray(saved.slots[name])
        self.count = saved.count
