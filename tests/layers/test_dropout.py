"""Dropout: how much it drops, when, and what the choice depends on."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Dropout, Linear, Sequential

SHAPE = 200, 500


def training(rate=0.3, seed=0, shape=SHAPE):
    """A program that drops elements of an array of ones, and the Value that it drops them from."""
    x = Input(shape)
    y = Dropout(rate)(x)
    return Program([x], y.sum(), ParamArena([], seed=seed, backend="cpu"), keep=[y], gradients_of=[x]), y


def dropped(program, y, step=0):
    program.arena.step[...] = step
    program.forward(np.ones(y.shape, "float32"))
    return program.read(y)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_fraction_kept_and_the_scale(rate):
    y = dropped(*training(rate))
    kept = y != 0
    deviation = np.sqrt(rate * (1 - rate) / y.size)
    assert abs(kept.mean() - (1 - rate)) < 4 * deviation
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-6)


def test_elements_of_a_row_and_a_column_are_dropped_independently():
    kept = dropped(*training(0.5)) != 0
    for a, b in (kept[1:], kept[:-1]), (kept[:, 1:], kept[:, :-1]):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.02


def test_the_gradient_passes_where_the_value_did():
    program, y = training()
    before = dropped(program, y)
    program.backward()
    (x,) = program.gradients_of
    np.testing.assert_array_equal(program.gradient(x), before)


def test_the_mask_is_a_function_of_seed_and_step():
    first = dropped(*training(seed=1), step=7)
    assert np.array_equal(first, dropped(*training(seed=1), step=7))
    assert not np.array_equal(first, dropped(*training(seed=2), step=7))
    assert not np.array_equal(first, dropped(*training(seed=1), step=8))


def test_successive_steps_drop_other_elements():
    program, y = training()
    masks = [dropped(program, y, step) != 0 for step in range(3)]
    assert [np.mean(masks[a] == masks[b]) < 0.7 for a, b in [(0, 1), (1, 2), (0, 2)]] == [True] * 3


def test_the_choice_for_an_element_depends_on_its_index_alone():
    small, large = dropped(*training(shape=(7, 9))), dropped(*training(shape=(1000,)))
    np.testing.assert_array_equal(small.ravel(), large[:63])


def test_two_layers_drop_other_elements():
    x = Input(SHAPE)
    a, b = Dropout()(x), Dropout()(x)
    program = Program([x], (a + b).sum(), ParamArena([]), keep=[a, b], gradients_of=[x])
    program.forward(np.ones(SHAPE, "float32"))
    assert np.mean((program.read(a) != 0) == (program.read(b) != 0)) < 0.6


def test_programs_without_backward_pass_everything_on():
    x = Input(SHAPE)
    y = Dropout(0.9)(x)
    array = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    program = Program([x], y, ParamArena([]))
    np.testing.assert_array_equal(program.forward(array), array)
    assert [call.label for call in program.schedule.forward] == ["Dropout.predict"]


def test_a_model_called_on_arrays_does_not_drop():
    model = Sequential(Linear(8), Dropout(0.5))
    model(Input((4, 3)))
    ParamArena(model)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    expected = x @ model.layers[0].weight.value.T
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2])
def test_a_rate_outside_the_range_is_an_error(rate):
    with pytest.raises(GraphError, match=f"Dropout expects 0 <= rate < 1, got {rate}"):
        Dropout(rate)
