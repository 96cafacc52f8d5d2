"""Memory plans: nothing that is alive at once overlaps, and little is wasted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import NETWORKS, residual

from fusegrad.graph import ParamArena, Program
from fusegrad.graph.calls import Call
from fusegrad.graph.plan import plan_memory
from fusegrad.graph.spec import Buffer, Spec
from fusegrad.optimizers import SGD

ALIGNMENT = 64


@st.composite
def schedules(draw):
    """Calls over buffers of random sizes, which of them are given before the first call, and which are kept."""
    sizes = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=30))
    buffers = [Buffer(Spec((size,), "uint8")) for size in sizes]
    choice = st.lists(st.sampled_from(buffers), max_size=4)
    named = draw(st.lists(choice, min_size=1, max_size=25))
    calls = [Call("call", print, (*names, tuple(names), None, 0.5)) for names in named]
    return calls, draw(choice), draw(choice)


def lifetimes(calls, given_ones, kept):
    """The calls at which each buffer is alive, as a set; -1 is before the first."""
    used = {}
    for index, call in enumerate(calls):
        for buffer in call.buffers():
            used.setdefault(buffer, []).append(index)
    for buffer in given_ones:
        used.setdefault(buffer, []).append(0)
    for buffer in kept:
        used.setdefault(buffer, [0]).append(len(calls))
    return {buffer: set(range(min(indices), max(indices) + 1)) for buffer, indices in used.items()}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(schedules())
def test_a_plan_is_sound(schedule):
    calls, given_ones, kept = schedule
    plan = plan_memory(calls, given_ones, kept, ALIGNMENT)
    alive = lifetimes(*schedule)
    ends = {buffer: plan.offsets[buffer] + buffer.spec.nbytes for buffer in alive}
    assert plan.offsets.keys() == alive.keys()
    for i, a in enumerate(alive):
        assert plan.offsets[a] % ALIGNMENT == 0
        assert 0 <= plan.offsets[a] <= ends[a] <= plan.nbytes
        for b in list(alive)[:i]:
            apart = ends[a] <= plan.offsets[b] or ends[b] <= plan.offsets[a]
            assert apart or not alive[a] & alive[b]
    padded = {buffer: -(-buffer.spec.nbytes // ALIGNMENT) * ALIGNMENT for buffer in alive}
    at_once = [sum(padded[b] for b in alive if moment in alive[b]) for moment in range(len(calls) + 1)]
    assert plan.lower_bound == max(at_once)
    assert plan.lower_bound <= plan.nbytes <= plan.unplanned == sum(padded.values())


def test_buffers_of_the_arena_are_not_planned():
    assert plan_memory([Call("call", print, (Buffer(),))], [], [], ALIGNMENT).offsets == {}


def test_buffers_that_follow_each_other_share_their_place():
    a, b, c = (Buffer(Spec((1000,), "float32")) for _ in range(3))
    plan = plan_memory([Call("1", print, (a, b)), Call("2", print, (b, c))], [], [], ALIGNMENT)
    assert plan.offsets[a] == plan.offsets[c] != plan.offsets[b]


def test_what_is_kept_and_what_is_given_outlive_their_calls():
    a, b, c = (Buffer(Spec((1000,), "float32")) for _ in range(3))
    calls = [Call("1", print, (a,)), Call("2", print, (b,)), Call("3", print, (c,))]
    assert len(set(plan_memory(calls, [], [], ALIGNMENT).offsets.values())) == 1
    assert len(set(plan_memory(calls, [c], [a], ALIGNMENT).offsets.values())) == 3


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_at_most_a_twentieth_is_wasted(build):
    network = build()
    for program in network.programs(ParamArena(network.module), SGD):
        assert program.plan.lower_bound <= program.nbytes <= 1.05 * program.plan.lower_bound


def test_a_deep_residual_network_takes_a_third_of_the_unplanned_sum(monkeypatch):
    network = residual(depth=24)
    (program,) = network.programs(ParamArena(network.module), SGD)
    assert program.nbytes <= 1.05 * program.plan.lower_bound
    monkeypatch.setattr("fusegrad.graph.phases.chained", lambda calls, kept: calls)  # which leaves out some arrays
    network = residual(depth=24)
    (apart,) = network.programs(ParamArena(network.module), SGD)
    assert program.nbytes <= 0.35 * apart.plan.unplanned


def test_evaluation_takes_far_less_than_training():
    network = residual(depth=24)
    arena, (goal,) = ParamArena(network.module), network.goals
    training, evaluation = (Program(goal.inputs, goal.loss, arena, optimizer) for optimizer in (SGD(), None))
    assert evaluation.nbytes < 0.1 * training.nbytes


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_arrays_start_at_aligned_addresses(build):
    network = build(batch=3, width=7)
    for program in network.programs(ParamArena(network.module, backend="cpu"), SGD):
        offsets = np.array(list(program.plan.offsets.values()))
        assert (offsets % program.arena.backend.alignment == 0).all()
        addresses = [program.bound.arrays[buffer].ctypes.data for buffer in program.plan.offsets]
        assert all(address % program.arena.backend.alignment == 0 for address in addresses)
