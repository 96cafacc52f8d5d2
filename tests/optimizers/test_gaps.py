"""The gaps between parameters, which begin at cache lines, hold zeros, and no optimizer moves them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import mlp, residual

from fusegrad import optimizers
from fusegrad.graph import ParamArena, Program

LIMITS = {"clip_norm": 0.1, "clip_value": 0.01, "l1": 0.01}
NAMES = [name for name in optimizers.__all__ if name != "Optimizer"]
MORE = [
    optimizers.SGD(0.1, momentum=0.9, dampening=0.5, weight_decay=0.1),
    optimizers.RMSprop(0.1, centered=True, momentum=0.9),
    optimizers.Adam(0.1, amsgrad=True, weight_decay=0.1),
]
RULES = [getattr(optimizers, name)(0.1, weight_decay=0.1, **LIMITS) for name in NAMES] + MORE


def in_gaps(layout: Any, flat: Any) -> Any:
    """The numbers of a flat array that belong to no parameter."""
    free = np.ones(flat.size, bool)
    for start, stop in layout.places.values():
        free[start:stop] = False
    return flat[free]


@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_gaps_stay_zero(optimizer: Any) -> None:
    network = mlp(batch=4, width=5, depth=1, classes=3)
    arena = ParamArena(network.module, backend="cpu")
    (goal,), (program,) = network.goals, network.programs(arena, lambda: optimizer)
    for seed in range(7):  # beyond the first steps of RAdam, which are others
        program.step(*goal.batch(seed))
    assert in_gaps(arena.layout, arena.value).size == 7 + 1 + 11  # behind 25, 15 and 5 numbers
    assert not in_gaps(arena.layout, arena.value).any()
    assert not in_gaps(arena.layout, arena.grad).any()
    for name, slot in program.optimizer_state.slots.items():
        if name != "u":  # of Adamax, which is max(β₂ u, |g| + eps) and begins at eps
            assert not in_gaps(program.optimizer_state.layout, slot).any()


def test_slots_lie_beside_the_parameters_that_they_belong_to() -> None:
    """Also where only some are trained, so that the arena has gaps that the slots do not have."""
    network = residual(batch=3, width=3, depth=3)
    arena, (goal,), velocities = ParamArena(network.module, backend="cpu"), network.goals, []
    for trained in (network.module, network.module.blocks[1]):
        optimizer = optimizers.SGD(0.0, momentum=0.5, weight_decay=0.1)
        program = Program(goal.inputs, goal.loss, arena, optimizer, train=trained)
        program.step(*goal.batch())
        velocities.append(program.optimizer_state.saved().slots)
    whole, part = velocities
    assert (len(whole), len(part)) == (12, 4)
    for name, velocity in part.items():
        assert velocity.any()
        np.testing.assert_array_equal(velocity, whole[name])
