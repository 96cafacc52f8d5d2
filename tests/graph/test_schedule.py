"""Who writes a gradient and who adds to it: the calls that a program makes, and the gradients that come of them."""

from __future__ import annotations

import numpy as np
import pytest
from small_layers import Square, TwoNames

from fusegrad.graph import (
    Arrays,
    GraphError,
    Input,
    Layer,
    Model,
    ParamArena,
    Program,
    Spec,
    check_gradients,
    stop_gradient,
)
from fusegrad.layers import Linear, ReLU, Sequential, Tanh
from fusegrad.losses import MSE
from fusegrad.optimizers import SGD


def program(inputs, loss, arena=None, **options):
    return Program(inputs, loss, arena or ParamArena([]), **options)


def backward_labels(program):
    return [call.label for call in program.schedule.backward]


def count(program, label):
    return backward_labels(program).count(label)


class Negate(Layer):
    """y = -x, whose backward adds by itself and notes whether it was asked to."""

    def __init__(self):
        self.asked = []

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x})

    def forward(self, x, y):
        np.negative(x, out=y)

    def backward(self, dy, dx, add_dx):
        self.asked.append(add_dx)
        dx[...] = dx - dy if add_dx else -dy


class Halves(Layer):
    """Two outputs: the first and the second half of the columns."""

    def plan(self, x: Spec) -> Arrays:
        half = Spec((x.shape[0], x.shape[1] // 2), x.dtype)
        return Arrays({"left": half, "right": half})

    def forward(self, x, left, right):
        left[...], right[...] = np.split(x, 2, axis=1)

    def backward(self, dleft, dright, dx):
        np.concatenate([dleft, dright], axis=1, out=dx)


def test_a_chain_needs_no_fill_and_no_addition():
    model, x = Sequential(Linear(5), ReLU(), Linear(2)), Input((3, 4))
    loss = model(x).sum()
    chain = program([x], loss, ParamArena(model), optimizer=SGD())
    assert backward_labels(chain) == [
        "gradient of the loss",
        "Total.backward",
        "Linear.backward",
        "Linear.backward through",  # with the ReLU in it
        "Linear.backward",
    ]


def test_the_first_writer_writes_and_later_ones_are_added_to():
    x = Input((2, 3))
    y = Tanh()(x)
    three = program([x], (Square()(y) + Square()(y) + Square()(y)).sum(), gradients_of=[x])
    assert count(three, "Square.backward") == 3
    assert count(three, "accumulate") == 2
    assert count(three, "zero gradient") == 0


def test_passes_that_can_add_do_so_without_a_buffer_aside():
    x, negate = Input((2, 3)), Negate()
    y = Tanh()(x)
    both = program([x], (negate(y) + negate(y) + negate(y)).sum(), gradients_of=[x])
    assert count(both, "accumulate") == 0
    both.forward(np.zeros((2, 3)))
    both.backward()
    assert negate.asked == [False, True, True]
    np.testing.assert_array_equal(both.gradient(x), np.full((2, 3), -3))


@pytest.mark.parametrize("layer", [Square(), Negate()], ids=str)
def test_many_readers_of_one_value(layer):
    check_gradients(lambda x: layer(x) + layer(x) * layer(x) + x, (2, 3))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + x,
        lambda x: x - 2 * x,
        lambda x: x * x,
        lambda x: x / (x * x + 1),
        lambda x: x @ x,
        lambda x: (x + x) * (x - x[0]),
    ],
)
def test_one_value_twice_in_one_call(function):
    check_gradients(function, (3, 3))


def test_the_second_use_in_one_call_goes_aside():
    x = Input((2, 3))
    twice = program([x], (x + x).sum(), gradients_of=[x])
    assert backward_labels(twice)[-2:] == ["Add.backward", "accumulate"]


def test_one_parameter_under_two_names_of_a_layer():
    check_gradients(TwoNames(), (2, 3))
    assert [name for name, _ in TwoNames().named_params()] == ["a"]


def test_what_nobody_needs_is_not_differentiated():
    x, first, second = Input((3, 4)), Linear(4), Linear(2)
    loss = second(Tanh()(first(x))).sum()
    head = program([x], loss, ParamArena([first, second]), optimizer=SGD(), train=[second.weight])
    assert backward_labels(head) == ["gradient of the loss", "Total.backward", "Linear.backward"]
    assert head.schedule.trained == [second.weight]


def test_a_branch_beside_the_loss_is_not_differentiated():
    x, layer = Input((3, 4)), Linear(2)
    y = layer(x)
    aside = Square()(y)
    beside = program([x], y.sum(), ParamArena(layer), optimizer=SGD(), keep=[aside])
    assert count(beside, "Square.backward") == 0


def test_gradients_flow_through_frozen_layers():
    x, below, above = Input((3, 4)), Linear(4), Linear(2)
    loss = above(below(x)).sum()
    arena = ParamArena([below, above])
    through = program([x], loss, arena, optimizer=SGD(1.0), train=below)
    frozen, learning = above.weight.value.copy(), below.weight.value.copy()
    through.step(np.ones((3, 4)))
    np.testing.assert_array_equal(above.weight.value, frozen)
    assert (below.weight.value != learning).all()
    assert not above.weight.grad.any()
    expected = np.outer(3 * frozen.sum(0), np.ones(4))
    np.testing.assert_allclose(below.weight.grad, expected, rtol=1e-5)


def test_stop_gradient_is_a_constant_to_what_is_differentiated():
    x = Input((2, 3), "float64")
    stopped = program([x], (stop_gradient(x) * x).sum(), ParamArena([], precision="float64"), gradients_of=[x])
    array = np.random.default_rng(0).normal(size=(2, 3))
    stopped.forward(array)
    stopped.backward()
    np.testing.assert_array_equal(stopped.gradient(x), array)


def test_an_output_that_is_not_used_has_a_gradient_of_zero():
    x = Input((2, 4))
    left, _ = Halves()(Tanh()(x))
    unused = program([x], left.sum(), gradients_of=[x])
    assert count(unused, "zero gradient") == 1
    unused.forward(np.zeros((2, 4)))
    unused.backward()
    np.testing.assert_array_equal(unused.gradient(x), [[1, 1, 0, 0]] * 2)


def test_several_outputs():
    def function(x):
        left, right = Halves()(x)
        return left * right + left, right

    check_gradients(function, (2, 4))


def test_gradients_of_inputs_and_of_values_on_the_way():
    x = Input((2, 3), "float64")
    y = Square()(x)
    both = program([x], (3 * y).sum(), ParamArena([], precision="float64"), gradients_of=[x, y])
    array = np.random.default_rng(0).normal(size=(2, 3))
    both.forward(array)
    both.backward()
    np.testing.assert_allclose(both.gradient(y), np.full((2, 3), 3.0))
    np.testing.assert_allclose(both.gradient(x), 6 * array)


class Lonely(Model):
    """Two layers of which one is called."""

    def __init__(self):
        self.used, self.unused = Linear(2, width_in=3), Linear(2, width_in=3)

    def call(self, x):
        return self.used(x)


def test_a_parameter_that_no_gradient_reaches_is_named():
    model, x = Lonely(), Input((4, 3))
    loss, arena = model(x).sum(), ParamArena(model)
    with pytest.raises(GraphError, match=r"train= names unused\.weight, but no gradient reaches it from the loss"):
        program([x], loss, arena, optimizer=SGD(), train=model)


def test_behind_stop_gradient_nothing_is_reached():
    layer, x = Linear(2), Input((4, 3))
    loss = stop_gradient(layer(x)).sum()
    arena = ParamArena(layer)
    with pytest.raises(GraphError, match=r"train= names weight, but no gradient reaches it"):
        program([x], loss, arena, optimizer=SGD(), train=layer)
    with pytest.raises(GraphError, match=r"gradients_of= names Value\(\(4, 3\), float32, of x\), but no gradient"):
        x = Input((4, 3), name="x")
        program([x], stop_gradient(x).sum(), gradients_of=[x])


def test_only_what_the_loss_reaches_is_trained_by_default():
    model, x = Lonely(), Input((4, 3))
    trains = program([x], model(x).sum(), ParamArena(model), optimizer=SGD())
    assert trains.schedule.trained == [model.used.weight, model.used.bias]


def test_a_target_that_is_computed_takes_part():
    check_gradients(lambda a, b: MSE()(a * b, a + b), (2, 3), (2, 3))
