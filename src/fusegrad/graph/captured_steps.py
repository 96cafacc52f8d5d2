"""Many training steps in one launch, on a data set that lies on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from fusegrad.backend import Backend
from fusegrad.graph.arena import ParamArena
from fusegrad.graph.bind import Bound
from fusegrad.graph.feed import Place
from fusegrad.graph.optimization import OptimizerState
from fusegrad.graph.scalar import Ring, Scalar
from fusegrad.graph.spec import is_whole, require
from fusegrad.ops import delivery, resident

OWNER = "capture"


class Trained(Protocol):
    """What captured steps need of a program."""

    arena: ParamArena
    awaits_backward: bool

    def prepare(self) -> Bound: ...
    def unbind(self) -> None: ...


class CapturedSteps:
    """`steps` training steps of a program, of which each takes the next batch of rows by itself.

    The data is copied once.  The place in it, `epoch` and `batch`, lies on the device.  After the last whole batch the
    next epoch begins; rows that are left over are not used in this one.  On a CPU the steps are made one after the
    other.
    """

    def __init__(
        self,
        program: Trained,
        state: OptimizerState,
        ring: Ring,
        data: Sequence[Any],
        *,
        steps: int,
        shuffle: bool,
        seed: int,
    ) -> None:
        self.program, self.steps, self.shuffle = program, steps, shuffle
        self.state, self.ring = state, ring
        most = len(self.ring.slots)
        require(is_whole(steps) and 0 < steps <= most, OWNER, f"1 to {most} steps at once", steps)
        check_number("a seed", seed, 2**64)
        self.bound = program.prepare()
        rows, count = check_data(self.bound.places, data)
        self.batches = rows // count
        backend = program.arena.backend
        self.data = [on_device(backend, array, place) for array, place in zip(data, self.bound.places, strict=True)]
        self.seed, self.epoch, self.batch = (backend.zeros((), "uint64") for _ in range(3))
        self.seed.fill(seed)
        self.host = np.zeros((steps, self.state.host.size), self.state.host.dtype)
        self.table = backend.zeros(self.host.shape, self.host.dtype)
        self.feed = backend.feeder([self.table])
        self.calls = self.bind(self.bound)
        self.captured: Callable[[], None] | None = None

    def run(self) -> list[Scalar]:
        """Make the steps; returns their losses, each before its update."""
        program = self.program
        bound, ring, state = program.prepare(), self.ring, self.state
        if bound is not self.bound:  # its memory was replaced by a larger block
            self.calls, self.captured, self.bound = self.bind(bound), None, bound
        ring.open(self.steps)
        for number in range(self.steps):
            self.host[(ring.taken + number) % self.steps] = state.numbers(state.count + number + 1, 1.0)
        program.arena.block.occupy(None)
        with program.arena.backend.using_stream():
            self.feed([self.host])
            self.launch()
        state.count += self.steps
        program.arena.block.occupy(program)
        program.awaits_backward = False
        return [ring.take() for _ in range(self.steps)]

    def launch(self) -> None:
        backend = self.program.arena.backend
        if self.captured is not None:
            self.captured()
            return
        backend.run(self.calls * self.steps)
        self.captured = backend.capture(self.calls * self.steps)

    def seek(self, epoch: int, batch: int) -> None:
        """Go on with this batch of this epoch; both count from 0."""
        check_number("an epoch", epoch, 2**64)
        check_number("a batch", batch, self.batches)
        with self.program.arena.backend.using_stream():
            self.epoch.fill(epoch)
            self.batch.fill(batch)

    def bind(self, bound: Bound) -> list[Callable[[], None]]:
        """The calls of one step: its batch, its numbers, and what `Program.step` runs."""
        arena = self.program.arena
        evaluator, place = arena.backend.evaluator, (self.seed, self.epoch, self.batch)
        pairs = zip(self.data, bound.places, strict=True)
        with arena.backend.using_stream():
            takes = [
                resident.take.bound(evaluator, array, target.destination, *place, shuffle=self.shuffle)
                for array, target in pairs
            ]
            advance = resident.advance.bound(evaluator, self.batch, self.epoch, batches=self.batches)
            numbers = delivery.row.bound(evaluator, self.table, self.ring.turn, self.state.device)
        return [*takes, advance, numbers, *bound.step]


def check_number(what: str, number: int, below: int) -> None:
    require(is_whole(number) and 0 <= number < below, OWNER, f"{what} in 0 .. {below - 1}", number)


def on_device(backend: Backend, array: Any, place: Place) -> Any:
    """A copy of the data of a place, row after row in the memory of the backend."""
    copy = backend.empty(np.shape(array), place.dtype)
    backend.copy_in(copy, array if hasattr(array, "dtype") else np.asarray(array))
    return copy


def check_data(places: Sequence[Place], data: Sequence[Any]) -> tuple[int, int]:
    """How many rows the data has, and how many a batch takes; GraphError where they do not fit the program."""
    require(len(places) > 0, OWNER, "inputs, which data is for", "a program without")
    listed = isinstance(data, list | tuple)
    require(listed, OWNER, "as data a list with an array for each input", type(data).__name__)
    require(len(data) == len(places), OWNER, f"{len(places)} arrays as data", len(data))
    for place in places:
        require(len(place.shape) > 0, place.name, "rows, for data to fill", f"shape {place.shape}")
    arrays = [array if hasattr(array, "shape") else np.asarray(array) for array in data]
    rows, count = arrays[0].shape[0] if arrays[0].shape else 0, places[0].shape[0]
    require(rows >= count, OWNER, f"at least {count} rows", rows)
    for place, array in zip(places, arrays, strict=True):
        shape = (rows, *place.shape[1:])
        require(array.shape == shape and place.shape[0] == count, place.name, f"data of shape {shape}", array.shape)
        check_rows(place, array)
    return rows, count


def check_rows(place: Place, array: Any) -> None:
    """GraphError where rows do not have the kind of number of their place, or integers do not keep its limits."""
    count = place.shape[0]
    for start in range(0, len(array) if place.limits else count, count):
        first = min(start, len(array) - count)
        source = place.fitted(array[first : first + count])
        for limit in place.limits:
            limit.check(place.name, source)
