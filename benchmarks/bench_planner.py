"""How long planning takes, and how near its result comes to the lower bound, below which no plan can go."""

from __future__ import annotations

import pytest
from networks import NETWORKS, mlp, residual

import fusegrad as fg
from fusegrad.graph.alias import aliases
from fusegrad.graph.plan import plan_memory

SECONDS, EXCESS = 0.3, 1.05


def programs_of(network):
    return network.programs(fg.ParamArena(network.module, backend="cpu"), fg.optimizers.SGD)


def planning(program):
    """The arguments of `planned` for a program."""
    kept = [*(value.data for value in program.keep), *(value.grad for value in program.gradients_of)]
    calls = program.schedule.forward + program.schedule.adding
    return calls, [value.data for value in program.inputs], kept, program.arena.backend.alignment


def planned(calls, given, kept, alignment):
    """The plan that a program makes."""
    return plan_memory(calls, given, kept, alignment, aliases(calls, given, kept))


def note(benchmark, plan):
    """Sizes of a plan beside what they could be; fails where it is too large."""
    benchmark.extra_info |= {
        "bytes": plan.nbytes,
        "over_lower_bound": plan.nbytes / plan.lower_bound,
        "share_of_unplanned": plan.nbytes / plan.unplanned,
    }
    assert plan.nbytes <= EXCESS * plan.lower_bound


@pytest.mark.parametrize("build", [mlp, residual], ids=["chain", "residual"])
def test_a_thousand_nodes(benchmark, build):
    """The median must stay below SECONDS."""
    depth = {mlp: 499, residual: 250}[build]
    (program,) = programs_of(build(batch=4, width=16, depth=depth))
    assert len(program.nodes) >= 999
    plan = benchmark(planned, *planning(program))
    note(benchmark, plan)
    benchmark.extra_info["nodes"] = len(program.nodes)
    if benchmark.stats:
        assert benchmark.stats.stats.median <= SECONDS


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_network(benchmark, build):
    for program in programs_of(build()):
        note(benchmark, program.plan)
    benchmark(planned, *planning(program))


def test_24_residual_blocks(benchmark):
    (program,) = programs_of(residual(depth=24))
    note(benchmark, benchmark(planned, *planning(program)))
