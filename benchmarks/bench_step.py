"""Whole training steps: a small network beside the same NumPy calls by hand, and the networks of the tests."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import overhead
import pytest
from by_hand import BATCH, WIDTHS, batch_of
from networks import NETWORKS

import fusegrad as fg

FORWARD_FLOPS = 2 * BATCH * sum(a * b for a, b in pairwise(WIDTHS))
FLOPS = 3 * FORWARD_FLOPS - 2 * BATCH * WIDTHS[0] * WIDTHS[1]  # nobody needs the gradient of the input


def test_engine(measure, contender):
    """The perceptron of `by_hand`, trained by the engine."""
    program, _ = overhead.program(contender.backend.name)
    batch = [contender.backend.asarray(array) for array in batch_of()]
    if contender.name == "captured":
        program.capture()
    nbytes = program.plan.nbytes + 4 * program.arena.value.nbytes
    measure(lambda: program.step(*batch), flops=FLOPS, nbytes=nbytes, warm=True)


@pytest.mark.parametrize("contender", ["numpy"], indirect=True)
def test_by_hand(measure, contender):
    """The same by hand."""
    _, step = overhead.pair()
    batch = batch_of()
    measure(lambda: step(*batch), flops=FLOPS)


def test_overhead(benchmark):
    """The ratio of the two: median over interleaved runs."""
    engine, by_hand = overhead.pair()
    batch = batch_of()
    times = benchmark.pedantic(overhead.interleaved, ([engine, by_hand], batch), rounds=1)
    low, ratio, high = np.percentile(times[:, 0] / times[:, 1], [25, 50, 75])
    benchmark.extra_info |= {"ratio": ratio, "quartiles": [low, high]}


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_network(measure, contender, build):
    """One step of every player of a network."""
    network = build()
    programs = network.programs(fg.ParamArena(network.module, backend=contender.backend.name), fg.optimizers.Adam)
    batches = [[contender.backend.asarray(array) for array in goal.batch()] for goal in network.goals]
    if contender.name == "captured":
        for program in programs:
            program.capture()

    def run():
        for program, batch in zip(programs, batches, strict=True):
            program.step(*batch)

    measure(run, nbytes=sum(program.plan.nbytes for program in programs), warm=True)
