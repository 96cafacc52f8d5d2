"""Losses that a step returns without waiting for the device."""

from __future__ import annotations

import weakref
from typing import Any

from fusegrad.backend import Backend


class Scalar:
    """One number that a step computed; `float(scalar)` waits for the device and reads it, once."""

    __slots__ = ("__weakref__", "_backend", "_slot", "_value")

    def __init__(self, backend: Backend, slot: Any) -> None:
        self._backend, self._slot = backend, slot
        self._value: float | None = None

    def __float__(self) -> float:
        if self._value is None:
            self._value = self._backend.number(self._slot)
            self._slot = None
        return self._value

    def item(self) -> float:
        return float(self)

    def __format__(self, spec: str) -> str:
        return format(float(self), spec)

    def __repr__(self) -> str:
        return repr(float(self))


class Ring:
    """A few scalars on the device, handed out in turn.

    A `Scalar` that is still referenced when its slot comes round again is read first, so that none ever changes.
    """

    def __init__(self, backend: Backend, dtype: str, slots: int = 64) -> None:
        self.backend = backend
        memory = backend.zeros((slots,), dtype)
        self.slots = [memory[i : i + 1].reshape(()) for i in range(slots)]
        self.owners: list[weakref.ref[Scalar] | None] = [None] * slots
        self.turn = 0

    def take(self, source: Any) -> Scalar:
        """A Scalar with the present value of the 0-d array `source`."""
        turn = self.turn
        reference = self.owners[turn]
        owner = reference() if reference else None
        if owner is not None:
            float(owner)
        slot = self.slots[turn]
        slot[...] = source
        scalar = Scalar(self.backend, slot)
        self.owners[turn] = weakref.ref(scalar)
        self.turn = (turn + 1) % len(self.slots)
        return scalar
