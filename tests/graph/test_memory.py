"""A step allocates nothing that stays."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from networks import NETWORKS, mlp

from fusegrad.graph import ParamArena
from fusegrad.optimizers import AdamW

LIMIT = 16 * 1024


def check_that_nothing_stays(step):
    def held_after(number):
        for _ in range(number):
            step()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        held = [held_after(2), *(held_after(100) for _ in range(3))]
    finally:
        tracemalloc.stop()
    growth = [after - before for before, after in pairwise(held)]
    assert min(growth) < LIMIT, growth  # a leak shows in every round, what another thread allocates meanwhile in one


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_a_hundred_steps_leave_nothing_behind(build):
    network = build()
    programs = network.programs(ParamArena(network.module, backend="cpu"), lambda: AdamW(clip_norm=1.0))
    batches = [goal.batch() for goal in network.goals]

    def step():
        for program, batch in zip(programs, batches, strict=True):
            float(program.step(*batch))

    check_that_nothing_stays(step)


def test_neither_do_several_steps_in_one_launch():
    network = mlp()
    (goal,) = network.goals
    (program,) = network.programs(ParamArena(network.module, backend="cpu"), AdamW)
    data = [np.concatenate(pair) for pair in zip(goal.batch(0), goal.batch(1), strict=True)]
    steps = program.capture(steps=3, data=data)
    check_that_nothing_stays(lambda: [float(loss) for loss in steps.run()])
