"""A step allocates nothing that stays."""

from __future__ import annotations

import gc
import tracemalloc

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

    def steps(number):
        for _ in range(number):
            for program, batch in zip(programs, batches, strict=True):
                float(program.step(*batch))
        gc.collect()

    tracemalloc.start()
    try:
        steps(2)
        before, _ = tracemalloc.get_traced_memory()
        steps(100)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < LIMIT
