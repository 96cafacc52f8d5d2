"""Backward passes of neighbouring layers, joined, compute what they compute apart."""

from __future__ import annotations

import numpy as np
import pytest
from networks import NETWORKS

import fusegrad as fg
from fusegrad import optimizers
from fusegrad.graph import Input, ParamArena, Program
from fusegrad.layers import Linear, Sequential

ROWS = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")


@pytest.fixture
def apart(monkeypatch):
    """Programs made inside have their passes apart."""

    def using(build):
        with monkeypatch.context() as patch:
            patch.setattr("fusegrad.graph.phases.chained", lambda calls, kept: list(calls))
            return build()

    return using


def through(program):
    return [call.label for call in program.schedule.backward].count("Linear.backward through")


def perceptron(backend="cpu", precision="float32", activation="gelu"):
    model = Sequential(Linear(9, activation), Linear(8, activation), Linear(3))
    x = Input((7, 5))
    loss = model(x).sum()
    arena = ParamArena(model, backend=backend, precision=precision)
    return Program([x], loss, arena, optimizers.Adam(0.01))


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_networks_compute_the_same_bits_on_a_cpu(build, apart):
    def trained():
        network = build()
        programs = network.programs(ParamArena(network.module, backend="cpu"), optimizers.Adam)
        batches = [goal.batch() for goal in network.goals]
        found = []
        for _ in range(3):
            found += [float(p.step(*b)) for p, b in zip(programs, batches, strict=True)]
        return found

    assert trained() == apart(trained)


@pytest.mark.parametrize("activation", ["gelu", "relu", "tanh", None])
@pytest.mark.parametrize("backend", ["cpu", "emulated"])
def test_gradients_are_those_of_the_passes_apart(activation, backend, apart):
    joined, separate = (make(lambda: perceptron(backend, activation=activation)) for make in (lambda f: f(), apart))
    assert (through(joined), through(separate)) == (2, 0)
    for program in (joined, separate):
        program.forward(ROWS)
        program.backward()
        program.forward(ROWS)
        program.backward(accumulate=True)
    ours, theirs = (program.arena.backend.to_numpy(program.arena.grad) for program in (joined, separate))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert np.abs(theirs).max() > 0.1


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_in_half_precision_too(precision, apart):
    joined, separate = (make(lambda: perceptron("emulated", precision)) for make in (lambda f: f(), apart))
    assert through(joined) == 2
    for program in (joined, separate):
        if program.arena.scaling is not None:
            program.arena.scaling.restore([2.0**4, 0, 0, 1])
        program.forward(ROWS)
        program.backward()
    ours, theirs = (program.arena.backend.to_numpy(program.arena.grad) for program in (joined, separate))
    np.testing.assert_allclose(ours, theirs, atol=2.0**-6 * np.abs(theirs).max())


def test_arrays_are_saved(apart):
    joined, separate = perceptron(), apart(perceptron)
    assert joined.plan.unplanned < separate.plan.unplanned


def test_a_gradient_that_is_asked_for_is_still_there():
    model, x = Sequential(Linear(9, "tanh"), Linear(3)), Input((7, 5))
    hidden = model.layers[0](x)
    loss = model.layers[1](hidden).sum()
    program = Program([x], loss, ParamArena(model), optimizers.Adam(0.01), gradients_of=[hidden, x])
    assert through(program) == 0
    program.forward(ROWS)
    program.backward()
    expected = np.ones((7, 3)) @ fg.to_numpy(model.layers[1].weight.value)
    np.testing.assert_allclose(program.gradient(hidden), expected, rtol=1e-5)


def test_a_value_with_two_readers_keeps_its_own_gradient():
    first, second, third, x = Linear(5, "tanh"), Linear(4), Linear(4), Input((7, 5))
    hidden = first(x)
    loss = (second(hidden) * third(hidden)).sum()
    program = Program([x], loss, ParamArena([first, second, third]), optimizers.Adam(0.01))
    assert through(program) == 0


def test_layers_that_are_not_trained_are_joined_as_well(apart):
    def gradient():
        model, x = Sequential(Linear(9, "gelu"), Linear(8, "gelu"), Linear(3)), Input((7, 5))
        loss = model(x).sum()
        arena = ParamArena(model)
        program = Program([x], loss, arena, train=model.layers[0], gradients_of=[x])
        program.forward(ROWS)
        program.backward()
        return through(program), program.gradient(x), fg.to_numpy(arena.grad)

    (count, *ours), (_, *theirs) = gradient(), apart(gradient)
    assert count == 2
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
