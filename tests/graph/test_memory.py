"""A step allocates nothing that stays."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import pairwise

import pytest
from networks import NETWORKS

from fusegrad.graph import ParamArena
from fusegrad.optimizers import AdamW

LIMIT = 16 * 1024


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_a_hundred_steps_leave_nothing_behind(build):
    network = build()
    programs = network.programs(ParamArena(network.module, backend="cpu"), lambda: AdamW(clip_norm=1.0))
    batches = [goal.batch() for goal in network.goals]

    def held_after(number):
        for _ in range(number):
            for program, batch in zip(programs, batches, strict=True):
                float(program.step(*batch))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        held = [held_after(2), *(held_after(100) for _ in range(3))]
    finally:
        tracemalloc.stop()
    growth = [after - before for before, after in pairwise(held)]
    assert min(growth) < LIMIT, growth  # a leak shows in every round, what another thread allocates meanwhile in one
