"""Programs of one arena share one block of memory, as large as the largest of them."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Linear, Tanh
from fusegrad.optimizers import SGD


class Setting:
    """A layer, its arena, and programs of it for any number of rows."""

    def __init__(self):
        self.layer = Linear(6, width_in=4)
        self.arena = ParamArena(self.layer, backend="cpu")

    def program(self, rows, optimizer=None):
        x = Input((rows, 4))
        y = Tanh()(self.layer(x))
        return Program([x], (y * y).sum(), self.arena, optimizer, keep=[y])


def batch(rows):
    return np.random.default_rng(rows).normal(size=(rows, 4)).astype("float32")


def test_the_block_is_as_large_as_the_largest():
    setting = Setting()
    programs = [setting.program(rows) for rows in (8, 800, 80)]
    sizes = [program.nbytes for program in programs]
    assert setting.arena.block.nbytes == max(sizes) == sizes[1]
    for program in programs:
        program.forward(batch(program.inputs[0].shape[0]))
        assert all(np.shares_memory(program.bound.arrays[b], setting.arena.block.memory) for b in program.plan.offsets)


def test_a_larger_program_does_not_break_an_earlier_one():
    setting, alone = Setting(), Setting()
    small = setting.program(8, SGD(0.1))
    expected = alone.program(8, SGD(0.1))
    losses = [(float(small.step(batch(8))), float(expected.step(batch(8))))]
    large = setting.program(800)
    losses.append((float(small.step(batch(8))), float(expected.step(batch(8)))))
    before = float(large.forward(batch(800)))
    losses.append((float(small.step(batch(8))), float(expected.step(batch(8)))))
    assert all(a == b for a, b in losses)
    assert float(large.forward(batch(800))) != before
    np.testing.assert_array_equal(setting.arena.value, alone.arena.value)


@pytest.mark.parametrize("other_rows", [2, 800])
def test_what_another_program_overwrote_cannot_be_read(other_rows):
    setting = Setting()
    program, other = setting.program(8, SGD()), setting.program(other_rows)
    y = program.keep[1]
    program.forward(batch(8))
    before = program.read(y)
    other.forward(batch(other_rows))
    for act in (lambda: program.read(y)), program.backward:
        with pytest.raises(GraphError, match="forward must run first: nothing of this program is in memory"):
            act()
    program.forward(batch(8))
    np.testing.assert_array_equal(program.read(y), before)


def test_a_new_larger_program_takes_what_was_in_memory():
    setting = Setting()
    program = setting.program(8)
    program.forward(batch(8))
    setting.program(800)
    with pytest.raises(GraphError, match="forward must run first"):
        program.read(program.keep[1])


def test_a_batch_that_is_refused_changes_nothing():
    setting = Setting()
    program = setting.program(8, SGD())
    program.forward(batch(8))
    with pytest.raises(GraphError, match="expects shape"):
        program.forward(batch(9))
    program.backward()


def test_a_program_that_nobody_holds_is_forgotten():
    setting = Setting()
    reference = weakref.ref(setting.program(8))
    gc.collect()
    assert reference() is None
    setting.program(800).forward(batch(800))
