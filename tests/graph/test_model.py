"""Models called on arrays, and what they say of themselves."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from networks import TwoHeaded

from fusegrad.graph import Arrays, GraphError, Input, Layer, LeastRecentlyUsed, Model, ParamArena, Program, Spec
from fusegrad.layers import BatchNorm, Dropout, Linear, ReLU, Sequential, Tanh
from fusegrad.optimizers import SGD


def network():
    model = Sequential(Linear(5), ReLU(), Dropout(), Linear(2))
    model(Input((3, 4)))
    ParamArena(model, backend="cpu")
    return model


def batch(rows=3):
    return np.random.default_rng(0).normal(size=(rows, 4)).astype("float32")


def by_hand(model, x):
    first, last = model.layers[0], model.layers[3]
    return np.maximum(x @ first.weight.value.T + first.bias.value, 0) @ last.weight.value.T + last.bias.value


@pytest.mark.parametrize("rows", [1, 3, 17])
def test_a_model_evaluates_arrays(rows):
    model = network()
    np.testing.assert_allclose(model(batch(rows)), by_hand(model, batch(rows)), rtol=1e-4, atol=1e-6)


def test_results_are_fresh_arrays():
    model = network()
    first = model(batch())
    before = first.copy()
    model(2 * batch())
    np.testing.assert_array_equal(first, before)


def test_lists_and_double_precision_arrays_are_taken_too():
    model = network()
    expected = model(batch())
    np.testing.assert_array_equal(model(batch().astype("float64")), expected)
    np.testing.assert_array_equal(model(batch().tolist()), expected)


def test_the_parameters_are_those_of_now():
    model, x = network(), Input((3, 4))
    before = model(batch())
    Program([x], model(x).sum(), model.arena, SGD(0.1)).step(batch())
    after = model(batch())
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(after, by_hand(model, batch()), rtol=1e-4, atol=1e-6)


def test_the_program_for_a_shape_is_kept():
    model = network()
    for rows in 3, 4, 3, 4, 4:
        model(batch(rows))
    (built,) = model.arena.evaluations.values()
    assert built.made == len(built.kept) == 2


def test_the_ninth_shape_warns():
    model = network()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in range(1, 9):
            model(batch(rows))
    with pytest.warns(UserWarning, match="9 different batch shapes so far: each has a plan of its own; pad batches"):
        model(batch(9))
    model(batch(10))


def test_the_least_recently_used_is_dropped():
    cache = LeastRecentlyUsed(limit=2, warn_at=100)
    made = []

    def get(key):
        return cache.get(key, lambda: made.append(key) or key.upper())

    assert [get(key) for key in "abacab"] == ["A", "B", "A", "C", "A", "B"]
    assert made == ["a", "b", "c", "b"]


def test_several_results_keep_their_structure():
    class Branches(Model):
        def __init__(self):
            self.linear, self.tanh = Linear(2, width_in=4), Tanh()

        def call(self, x, shift):
            y = self.linear(x)
            return {"plain": y, "both": (y + shift, [self.tanh(y)]), "input": x}

    model = Branches()
    ParamArena(model)
    shift = np.ones((3, 2), "float32")
    results = model(batch(), shift=shift)
    y = results["plain"]
    np.testing.assert_allclose(y, batch() @ model.linear.weight.value.T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(results["both"][0], y + 1, rtol=1e-6)
    np.testing.assert_allclose(results["both"][1][0], np.tanh(y), rtol=1e-6)
    np.testing.assert_array_equal(results["input"], batch())


def test_a_model_without_parameters_needs_no_arena():
    np.testing.assert_array_equal(Sequential(ReLU())(batch()), np.maximum(batch(), 0))


def test_a_model_with_parameters_needs_one():
    with pytest.raises(GraphError, match=r"has no value yet: make fg\.ParamArena\(model\) when the model was called"):
        Sequential(Linear(2, width_in=4))(batch())


def test_a_wrong_width_is_named():
    with pytest.raises(GraphError, match=r"layers\.0: Linear\(5\) expects width 4 on the last axis, got \(3, 7\)"):
        network()(np.ones((3, 7)))


def test_values_and_arrays_do_not_mix():
    class Sum(Model):
        def __init__(self):
            self.linear = Linear(2, width_in=4)

        def call(self, a, b):
            return self.linear(a) + self.linear(b)

    with pytest.raises(GraphError, match=r"Linear\(2\) expects Values \(see fg\.Input\), got ndarray"):
        Sum()(Input((3, 4)), batch())


def test_activations_are_the_outputs_of_layers():
    model = network()
    outputs = model.activations(batch())
    assert list(outputs) == ["layers.0", "layers.1", "layers.2", "layers.3"]
    np.testing.assert_array_equal(outputs["layers.3"], model(batch()))
    np.testing.assert_array_equal(outputs["layers.1"], np.maximum(outputs["layers.0"], 0))
    assert list(model.activations(batch(), names=["layers.1"])) == ["layers.1"]


def test_activations_of_a_layer_that_is_not_there():
    with pytest.raises(
        GraphError, match=re.escape("Sequential has no layer 'layer.1'; perhaps you meant \"layers.1\"?")
    ):
        network().activations(batch(), names=["layer.1"])


def test_the_summary_has_a_line_for_each_layer():
    lines = network().summary().splitlines()
    assert [line.split() for line in lines] == [
        ["layers.0", "Linear(5)", "25", "weight", "(5,", "4),", "bias", "(5,)"],
        ["layers.1", "ReLU", "0"],
        ["layers.2", "Dropout(0.5)", "0"],
        ["layers.3", "Linear(2)", "12", "weight", "(2,", "5),", "bias", "(2,)"],
        ["total", "37"],
    ]


def test_the_summary_of_what_was_not_called_yet_has_open_widths():
    lines = Sequential(Linear(5), Linear(2)).summary().splitlines()
    assert lines[0].split() == ["layers.0", "Linear(5)", "5", "weight", "(5,", "None),", "bias", "(5,)"]
    assert lines[-1].split() == ["total", "7"]


def test_a_state_dict_goes_round():
    one, two = network(), network()
    ParamArena(two, seed=9)
    assert not np.array_equal(one(batch()), two(batch()))
    two.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(batch()), two(batch()))


def test_a_part_of_a_model_has_a_state_of_its_own():
    model = TwoHeaded(width=4, classes=3)
    model(Input((2, 4)))
    ParamArena(model)
    state = model.trunk.state_dict()
    assert list(state) == ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]
    model.trunk.load_state_dict({name: np.ones_like(array) for name, array in state.items()})
    assert (model.trunk.layers[2].weight.value == 1).all()
    assert not (model.scores.weight.value == 1).any()


class Pair(Layer):
    def plan(self, x: Spec, mask: Spec | None = None) -> Arrays:
        return Arrays({"y": x})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: Pair()(), "Pair expects inputs (x: 'Spec', mask: 'Spec | None' = None), got 0: missing a required"),
        (lambda x: Pair()(x, x, x), "Pair expects inputs (x: 'Spec', mask: 'Spec | None' = None), got 3: too many"),
        (lambda x: Pair()(x, maks=x), "Pair has no input 'maks'; perhaps you meant \"mask\"?"),
        (
            lambda x: Pair()(x, x=x),
            "Pair expects inputs (x: 'Spec', mask: 'Spec | None' = None), got 2: multiple values",
        ),
        (lambda x: Pair()(np.ones(3)), "Pair expects Values (see fg.Input), got ndarray"),
        (lambda x: Linear(2)(x, x), "Linear(2) expects inputs (x: 'Spec'), got 2"),
    ],
)
def test_calls_that_do_not_fit_a_layer(call, message):
    with pytest.raises(GraphError, match=re.escape(message)):
        call(Input((3, 4)))


def test_the_summary_counts_what_is_learnt():
    model = Sequential(BatchNorm())
    model(Input((2, 3)))
    assert model.summary().splitlines()[-1].split() == ["total", "6"]


def test_what_is_trained_is_decided_before_there_is_an_arena():
    layer = Linear(2, width_in=3)
    layer.bias.trainable = False
    arena = ParamArena(layer)
    assert list(arena.params) == ["weight", "bias"] and not layer.bias.trainable
    layer.bias.trainable = False
    with pytest.raises(GraphError, match=r"weight expects trainable=True, .* got False; .* pass train= to the Trainer"):
        layer.weight.trainable = False
    assert layer.weight.trainable
