"""Values and optimizer state go from one arena to another by name, when a graph is changed."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Linear, ReLU, Sequential
from fusegrad.losses import MSE
from fusegrad.optimizers import Adam


def network(classes=2, width=5):
    model = Sequential(Linear(width), ReLU(), Linear(classes))
    model(Input((3, 4)))
    return model


def training(model, arena, optimizer):
    x, target = Input((3, 4)), Input((3, model.layers[2].width))
    program = Program([x, target], MSE()(model(x), target), arena, optimizer)

    def step():
        return program.step(np.linspace(-1, 1, 12).reshape(3, 4), np.ones(target.shape))

    return program, step


def test_a_new_head_adopts_the_rest():
    optimizer, model = Adam(0.1), network()
    old = ParamArena(model, seed=3)
    before, step = training(model, old, optimizer)
    step(), step()
    changed = network(classes=7)
    arena = ParamArena(changed, seed=4)
    own_head = changed.layers[2].weight.value.copy()
    assert arena.adopt(old) == ["layers.2.weight", "layers.2.bias"]
    np.testing.assert_array_equal(changed.layers[0].weight.value, model.layers[0].weight.value)
    np.testing.assert_array_equal(changed.layers[2].weight.value, own_head)
    assert (int(arena.step), int(arena.seed)) == (2, 3)
    after, _ = training(changed, arena, optimizer)
    assert after.optimizer_state.count == 2
    slots = [program.optimizer_state.named_slots() for program in (before, after)]
    for name in "m/layers.0.weight", "v/layers.0.bias":
        np.testing.assert_array_equal(slots[1][name], slots[0][name])
        assert slots[1][name].any()
    assert not slots[1]["m/layers.2.weight"].any()


def test_the_factor_of_the_loss_goes_along():
    model = network()
    old = ParamArena(model, precision="float16", backend="emulated")
    old.scaling.restore([8, 5, 3, 1])
    for precision in "float16", "float32":
        arena = ParamArena(model, precision=precision, backend="emulated")
        arena.adopt(old)
        if precision == "float16":
            assert arena.scaling.saved() == [8, 5, 3, 1]


@pytest.mark.parametrize("program_first", [True, False])
def test_training_goes_on_after_adopting_as_if_nothing_had_happened(program_first):
    def start():
        model, optimizer = network(), Adam(0.1)
        arena = ParamArena(model, seed=3)
        _, step = training(model, arena, optimizer)
        step(), step()
        return arena, optimizer, step

    uninterrupted, _, step = start()
    step(), step()
    old, optimizer, _ = start()
    model = network()
    arena = ParamArena(model)
    if program_first:
        _, step = training(model, arena, optimizer)
        arena.adopt(old)
    else:
        arena.adopt(old)
        _, step = training(model, arena, optimizer)
    step(), step()
    np.testing.assert_array_equal(arena.value, uninterrupted.value)


def test_a_saved_optimizer_state_goes_round():
    states = []
    for steps in 3, 0:
        model = network()
        program, step = training(model, ParamArena(model), Adam(0.1))
        for _ in range(steps):
            step()
        states.append(program.optimizer_state)
    saved = states[0].saved()
    states[1].restore(saved)
    assert states[1].count == 3
    for name, slot in states[0].named_slots().items():
        np.testing.assert_array_equal(states[1].named_slots()[name], slot)
    saved.slots["m/layers.0.weight"] = np.ones(3)
    with pytest.raises(GraphError, match=r"Adam expects a state for .* differs in \['m/layers\.0\.weight'\]"):
        states[1].restore(saved)
