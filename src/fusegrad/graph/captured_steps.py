"""Many training steps in one launch, on a data set that lies on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusegrad.graph.feed import Place
from fusegrad.graph.scalar import Scalar
from fusegrad.graph.spec import require
from fusegrad.ops import delivery, resident

if TYPE_CHECKING:
    from fusegrad.graph.program import Program

OWNER = "capture"


class CapturedSteps:
    """`steps` training steps of a program, of which each takes the next batch of rows by itself.

    The place in the data, `epoch` and `batch`, lies on the device.  After the last whole batch the next epoch begins;
    rows that are left over are not used in this one.  On a CPU the steps are made one after the other.
    """

    def __init__(self, program: Program, data: Sequence[Any], steps: int, shuffle: bool, seed: int) -> None:
        self.program, self.steps, self.shuffle = program, steps, shuffle
        assert program.optimizer_state is not None and program.ring is not None  # as `capture` has checked
        self.state, self.ring = program.optimizer_state, program.ring
        self.bound, most, state = program.prepare(), len(program.ring.slots), program.optimizer_state
        require(0 < steps <= most, OWNER, f"1 to {most} steps at once", steps)
        rows, count = check_data(self.bound.places, data)
        self.batches = rows // count
        backend = program.arena.backend
        self.data = [backend.asarray(array, place.dtype) for array, place in zip(data, self.bound.places, strict=True)]
        self.seed, self.epoch, self.batch = (backend.zeros((), "uint64") for _ in range(3))
        self.seed.fill(seed)
        self.host = np.zeros((steps, state.host.size), state.host.dtype)
        self.table = backend.zeros(self.host.shape, self.host.dtype)
        self.feed = backend.feeder([self.table])
        self.calls = self.bind()
        self.captured: Callable[[], None] | None = None

    def run(self) -> list[Scalar]:
        """Make the steps; returns their losses, each before its update."""
        program = self.program
        bound, ring, state = program.prepare(), self.ring, self.state
        if bound is not self.bound:  # its memory was replaced by a larger block
            self.bound, self.calls, self.captured = bound, self.bind(), None
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
        require(0 <= batch < self.batches, OWNER, f"a batch in 0 .. {self.batches - 1}", batch)
        with self.program.arena.backend.using_stream():
            self.epoch.fill(epoch)
            self.batch.fill(batch)

    def bind(self) -> list[Callable[[], None]]:
        """The calls of one step: its batch, its numbers, and what `Program.step` runs."""
        arena = self.program.arena
        evaluator, place = arena.backend.evaluator, (self.seed, self.epoch, self.batch)
        pairs = zip(self.data, self.bound.places, strict=True)
        with arena.backend.using_stream():
            takes = [
                resident.take.bound(evaluator, array, target.destination, *place, shuffle=self.shuffle)
                for array, target in pairs
            ]
            advance = resident.advance.bound(evaluator, self.batch, self.epoch, batches=self.batches)
            numbers = delivery.row.bound(evaluator, self.table, self.ring.turn, self.state.device)
        return [*takes, advance, numbers, *self.bound.step]


def check_data(places: Sequence[Place], data: Sequence[Any]) -> tuple[int, int]:
    """How many rows the data has, and how many a batch takes; GraphError where they do not fit the program."""
    require(len(data) == len(places), OWNER, f"{len(places)} arrays as data", len(data))
    arrays = [array if hasattr(array, "shape") else np.asarray(array) for array in data]
    rows, count = len(arrays[0]), places[0].shape[0]
    require(rows >= count, OWNER, f"at least {count} rows", rows)
    for place, array in zip(places, arrays, strict=True):
        shape = (rows, *place.shape[1:])
        require(array.shape == shape and place.shape[0] == count, place.name, f"data of shape {shape}", array.shape)
        for start in range(0, rows, count):
            first = min(start, rows - count)
            check_rows(place, array[first : first + count])
    return rows, count


def check_rows(place: Place, array: Any) -> None:
    source = place.fitted(array) if place.limits else array
    for limit in place.limits:
        limit.check(place.name, source)
