"""The arena: where parameters lie, what they start with, and how they are read and written."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fusegrad import initializers
from fusegrad.graph import Arrays, GraphError, Input, Layer, Module, Param, ParamArena, Program, Spec
from fusegrad.layers import Linear, ReLU, Sequential
from fusegrad.optimizers import SGD, Adam


def network(classes=2, width=5):
    model = Sequential(Linear(width), ReLU(), Linear(classes))
    model(Input((3, 4)))
    return model


class Centre(Layer):
    """y = x - mean, with a mean that is stored but not learnt, and a scale that is."""

    def __init__(self, width):
        self.mean = Param((width,), initializers.normal(1.0), trainable=False)
        self.scale = Param((width,), initializers.normal(1.0), decay=False)

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x})

    def forward(self, x, mean, scale, y):
        y[...] = (x - mean) * scale

    def backward(self, x, mean, scale, dy, dx, dscale):
        dx[...] = dy * scale
        dscale[...] = ((x - mean) * dy).sum(0)


def centred():
    model = Sequential(Linear(5), Centre(5), Linear(2))
    model(Input((3, 4)))
    return model


def test_parameters_with_decay_come_first():
    arena = ParamArena(centred())
    names = ["layers.0.weight", "layers.2.weight", "layers.0.bias", "layers.1.scale", "layers.2.bias", "layers.1.mean"]
    assert list(arena.params) == names
    np.testing.assert_array_equal(arena.value[:20], arena.params[names[0]].value.ravel())
    np.testing.assert_array_equal(arena.value[32:42], arena.params[names[1]].value.ravel())
    assert arena.value.size == arena.grad.size == 32 + 16 + 16 + 16 + 2
    assert arena.state.size == 5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_parameter_begins_at_a_cache_line_and_gaps_are_zero(dtype):
    arena, optimizer = ParamArena(centred(), precision=dtype, backend="cpu"), Adam()
    learnt = [param for param in arena.params.values() if param.trainable]
    views = [param.value for param in arena.params.values()] + [param.grad for param in learnt]
    views += arena.optimizer_state(optimizer, learnt[1:4]).named_slots().values()
    assert [view.ctypes.data % 64 for view in views] == [0] * (6 + 5 + 6)
    gaps = np.ones(arena.value.size, bool)
    for param in learnt:
        gaps[arena.layout.view(np.arange(arena.value.size), param)] = False
    assert gaps.sum() == 82 - 42
    assert not arena.value[gaps].any()


def test_values_and_gradients_are_views():
    arena = ParamArena(centred())
    for param in arena.params.values():
        flat = arena.value if param.trainable else arena.state
        assert np.shares_memory(param.value, flat)
        assert param.value.shape == param.shape
    assert np.shares_memory(arena.params["layers.0.bias"].grad, arena.grad)


def test_what_is_not_learnt_lies_apart_and_has_no_gradient():
    model = centred()
    arena = ParamArena(model)
    mean, x = model.layers[1].mean, Input((3, 4))
    assert np.shares_memory(mean.value, arena.state)
    with pytest.raises(GraphError, match=r"grad expects a trainable parameter, got Param\(layers\.1\.mean"):
        _ = mean.grad
    program = Program([x], model(x).sum(), arena, Adam(), train=model)
    before = mean.value.copy()
    program.step(np.ones((3, 4)))
    assert mean not in program.schedule.trained
    np.testing.assert_array_equal(mean.value, before)


def stretches(arena, names, by_decay):
    return [(r.start, r.stop, r.decay) for r in arena.layout.ranges([arena.params[n] for n in names], by_decay)]


def test_parameters_side_by_side_are_one_stretch():
    arena = ParamArena(network())  # weights 20 and 10, biases 5 and 2
    first, second = ["layers.0.weight", "layers.0.bias"], ["layers.2.weight", "layers.2.bias"]
    assert stretches(arena, first + second, by_decay=False) == [(0, 66, False)]
    assert stretches(arena, second + first, by_decay=True) == [(0, 42, True), (48, 66, False)]
    assert stretches(arena, first, by_decay=False) == [(0, 20, False), (48, 53, False)]
    assert stretches(arena, second, by_decay=True) == [(32, 42, True), (64, 66, False)]


def test_first_values_depend_on_seed_and_name_alone():
    a, b, other = (ParamArena(network(), seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(a["layers.0.weight"], other["layers.0.weight"])
    first, last = (a[f"layers.{i}.weight"].ravel()[:10] for i in (0, 2))
    assert not np.allclose(first / first[0], last / last[0])  # not the same draws in another scale
    new_head = ParamArena(network(classes=7), seed=1).state_dict()
    assert np.array_equal(a["layers.0.weight"], new_head["layers.0.weight"])


def test_initialize_starts_anew():
    model, x = network(), Input((3, 4))
    arena = ParamArena(model, seed=5)
    first = arena.value.copy()
    Program([x], model(x).sum(), arena, SGD(0.1)).step(np.ones((3, 4)))
    arena.initialize(5)
    np.testing.assert_array_equal(arena.value, first)
    assert (int(arena.seed), int(arena.step)) == (5, 0)
    arena.initialize(6)
    assert not np.array_equal(arena.value, first)


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (lambda a, b: a, ["weight", "bias"]),
        (lambda a, b: [a, b], ["0.weight", "0.bias", "1.weight", "1.bias"]),
        (lambda a, b: {"left": a, "right": b}, ["left.weight", "left.bias", "right.weight", "right.bias"]),
        (lambda a, b: [a, a], ["0.weight", "0.bias"]),
        (lambda a, b: [], []),
    ],
)
def test_names_over_several_models(models, names):
    made = models(Linear(2, width_in=3), Linear(2, width_in=3))
    assert sorted(ParamArena(made).params) == sorted(names)


class Nested(Module):
    """Modules in lists and dicts, one of them twice."""

    def __init__(self):
        self.blocks = [Linear(2, width_in=2), {"ignored": Linear(2, width_in=2)}]
        self.heads = {"small": Linear(1, width_in=2), "large": Linear(9, width_in=2)}
        self.again = self.blocks[0]


def test_lists_and_dicts_give_names():
    names = [name for name, _ in Nested().named_params() if name.endswith("weight")]
    assert names == ["blocks.0.weight", "heads.small.weight", "heads.large.weight"]


def test_a_width_that_is_not_known_is_named():
    with pytest.raises(GraphError, match=r"layers\.1\.weight \(2, None\) has no shape yet: call its layer on an Input"):
        ParamArena(Sequential(Linear(3, width_in=4), Linear(2)))


def test_a_value_before_there_is_an_arena():
    with pytest.raises(GraphError, match=r"this parameter \(2, 3\) has no value yet: make fg\.ParamArena\(model\)"):
        _ = Linear(2, width_in=3).weight.value


def test_assigning_copies_and_says_so():
    model = network()
    arena = ParamArena(model)
    arena.refresh()
    array = np.ones((5, 4))
    model.layers[0].weight.value = array
    array[0, 0] = 7
    assert (model.layers[0].weight.value == 1).all()
    assert arena.is_stale
    assert np.shares_memory(model.layers[0].weight.value, arena.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((4, 5)), "layers.0.weight expects an array of shape (5, 4), got (4, 5)"),
        (np.ones(4), "layers.0.weight expects an array of shape (5, 4), got (4,)"),
        (1j * np.ones((5, 4)), "layers.0.weight expects real numbers, got complex128"),
        (np.full((5, 4), "a"), "layers.0.weight expects real numbers, got <U1"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(array, message):
    model = network()
    arena = ParamArena(model)
    before = arena.value.copy()
    with pytest.raises(GraphError, match=re.escape(message)):
        model.layers[0].weight.value = array
    with pytest.raises(GraphError, match=re.escape(message)):
        arena.load_state_dict(shifted(arena) | {"layers.0.weight": array})
    np.testing.assert_array_equal(arena.value, before)


def shifted(arena):
    return {name: array + 1 for name, array in arena.state_dict().items()}


def test_a_state_dict_goes_round():
    one, two = ParamArena(centred(), seed=1), ParamArena(centred(), seed=2)
    arrays = one.state_dict()
    two.load_state_dict(arrays)
    np.testing.assert_array_equal(two.value, one.value)
    np.testing.assert_array_equal(two.state, one.state)
    arrays["layers.0.weight"][...] = 0
    assert one.value.any()
    assert list(arrays) == list(one.params)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("layers.2.bias"), "got unknown [] and without ['layers.2.bias']"),
        (
            lambda arrays: arrays.update({"layers.0.wieght": arrays["layers.0.weight"]}),
            "got unknown ['layers.0.wieght'] and without []; perhaps you meant \"layers.0.weight\"?",
        ),
        (
            lambda arrays: arrays.update({"layers.2.bias": np.ones(3)}),
            "layers.2.bias expects an array of shape (2,), got (3,)",
        ),
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(change, message):
    arena = ParamArena(network())
    arrays, before = shifted(arena), arena.value.copy()
    change(arrays)
    with pytest.raises(GraphError, match=re.escape(message)):
        arena.load_state_dict(arrays)
    np.testing.assert_array_equal(arena.value, before)


def test_names_may_differ_if_asked():
    arena = ParamArena(network())
    before = arena.state_dict()
    arena.load_state_dict({"layers.0.bias": np.ones(5), "stranger": np.ones(3)}, strict=False)
    after = arena.state_dict()
    assert [name for name in before if not np.array_equal(before[name], after[name])] == ["layers.0.bias"]
