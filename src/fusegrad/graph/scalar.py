"""Losses that a step returns without waiting for the device."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from fusegrad.backend import Backend
from fusegrad.ops import delivery


class Scalar:
    """One number that a step computed; `float(scalar)` waits for the device and reads it, once."""

    __slots__ = ("__weakref__", "_place", "_ring", "_value")

    def __init__(self, ring: Ring, place: int) -> None:
        self._ring, self._place = ring, place
        self._value: float | None = None

    def __float__(self) -> float:
        if self._value is None:
            self._ring.read(self._place)
        assert self._value is not None  # the ring has set it
        return self._value

    def item(self) -> float:
        return float(self)

    def __format__(self, spec: str) -> str:
        return format(float(self), spec)

    def __repr__(self) -> str:
        return repr(float(self))


class Ring:
    """A few places on the device in which passes leave their losses, in turn.

    The device counts the turns, so that a captured step uses another place each time; the host counts along.  A
    `Scalar` that is still referenced when its place comes round again is read before, so that none ever changes.
    """

    def __init__(self, backend: Backend, dtype: str, places: int = 64) -> None:
        self.backend = backend
        self.memory, self.turn = backend.zeros((places,), dtype), backend.zeros((), "uint64")
        self.slots = [self.memory[i : i + 1].reshape(()) for i in range(places)]
        self.owners: list[weakref.ref[Scalar] | None] = [None] * places
        self.taken = 0
        self.is_open = False

    def delivery(self, source: Any) -> Callable[[], None]:
        """The call that leaves the present value of the 0-d array `source` in the next place."""
        return delivery.deliver.bound(self.backend.evaluator, source, self.memory, self.turn)

    def read(self, place: int) -> None:
        """Give the loss in a place its value; on a device all that wait for theirs, since one copy brings them."""
        if self.backend.evaluator != "cuda":
            self.put(place, self.backend.number(self.slots[place]))
            return
        for each, number in enumerate(self.backend.to_numpy(self.memory).tolist()):
            self.put(each, number)

    def put(self, place: int, number: float) -> None:
        reference = self.owners[place]
        owner = reference() if reference else None
        if owner is not None and owner._value is None:
            owner._value = number

    def open(self, count: int = 1) -> None:
        """Make the next `count` places free, before passes are run that deliver as many losses."""
        if self.is_open:  # a pass was interrupted, and nobody knows whether it delivered
            self.turn.fill(self.taken)
        self.is_open = True
        for number in range(self.taken, self.taken + count):
            reference = self.owners[number % len(self.slots)]
            owner = reference() if reference else None
            if owner is not None:
                float(owner)

    def take(self) -> Scalar:
        """The loss that was delivered next."""
        place = self.taken % len(self.slots)
        scalar = Scalar(self, place)
        self.owners[place] = weakref.ref(scalar)
        self.taken += 1
        self.is_open = False
        return scalar
