"""Losses that are kept keep their values, however many steps follow."""

from __future__ import annotations

import numpy as np

from fusegrad.graph import Input, ParamArena, Program


def program():
    x = Input((3,), "float64")
    return Program([x], x.sum(), ParamArena([], precision="float64"))


def test_the_losses_of_200_steps_keep_their_values():
    total = program()
    losses = [total.forward([step, 1, 0]) for step in range(200)]
    assert [float(loss) for loss in losses] == [step + 1 for step in range(200)]


def test_some_of_them_may_go():
    total = program()
    kept = {step: loss for step in range(200) if (loss := total.forward([step, 0, 0])) is not None and step % 7 == 0}
    assert {step: float(loss) for step, loss in kept.items()} == {step: step for step in range(0, 200, 7)}


def test_a_scalar_looks_like_a_number():
    loss = program().forward([0.25, 1, 0])
    assert (float(loss), loss.item(), repr(loss), f"{loss:.1e}") == (1.25, 1.25, "1.25", "1.2e+00")
    assert np.isfinite(float(loss))


def test_one_copy_brings_all_losses_from_a_gpu():
    x = Input((3,))
    total = Program([x], x.sum(), ParamArena([], backend="emulated"))
    losses = [total.forward(np.array([step, 1, 0], "float32")) for step in range(60)]
    counters = total.arena.backend.xp.counters
    before = counters.copies_to_host
    assert [float(loss) for loss in losses] == [step + 1 for step in range(60)]
    assert counters.copies_to_host == before + 1
