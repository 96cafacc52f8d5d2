"""Graphs and batches that a program refuses, and how it says so; what it refuses changes nothing."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fusegrad.graph import GraphError, Input, Model, ParamArena, Program, Value
from fusegrad.layers import Concat, Dropout, Linear, Sequential
from fusegrad.losses import CrossEntropy
from fusegrad.optimizers import SGD, Adam


def build(output, **options):
    """A function that makes a program of two inputs, of which the first is listed."""

    def program():
        x, other = Input((3,), name="x"), Input((3,), name="other")
        return Program([x], output(x, other), ParamArena([]), **options)

    return program


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (build(lambda x, other: x + other), "the output depends on Value((3,), float32, of other), which is not among"),
        (build(lambda x, other: x.sum(), optimizer=SGD()), "SGD expects a parameter that the loss reaches, got none"),
        (build(lambda x, other: Linear(2)(x.reshape(1, 3))), "Linear(2).weight is not in this arena"),
    ],
)
def test_graphs_that_cannot_run_are_refused(make, message):
    with pytest.raises(GraphError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("output", [lambda y: y, lambda y: [y.sum(), y.mean()], lambda y: y[0, :1]])
def test_only_one_number_can_be_trained_on(output):
    layer, x = Linear(2), Input((3, 4))
    loss = output(layer(x))
    with pytest.raises(GraphError, match="training expects one floating-point scalar as loss, got"):
        Program([x], loss, ParamArena(layer), SGD())


def test_inputs_of_another_precision_than_the_parameters_are_refused():
    layer, x = Linear(2), Input((3, 4), "float64")
    with pytest.raises(
        GraphError, match=r"Linear\(2\)\.weight expects inputs of the arena's float32, got \['float64'\]"
    ):
        Program([x], layer(x), ParamArena(layer))


BATCHES = [
    ([np.ones((3, 4))], "the program expects 2 arrays, got 1"),
    ([np.ones((3, 4)), [0, 1, 1], 5], "the program expects 2 arrays, got 3"),
    ([np.ones((3, 5)), [0, 1, 1]], "x expects shape (3, 4), got (3, 5)"),
    ([np.ones((4,)), [0, 1, 1]], "x expects shape (3, 4), got (4,)"),
    ([np.ones((3, 4)), [[0], [1], [1]]], "labels expects shape (3,), got (3, 1)"),
    ([np.ones((3, 4)), [0.0, 1.0, 1.0]], "labels expects dtype int64, got float64"),
    ([1j * np.ones((3, 4)), [0, 1, 1]], "x expects dtype float32, got complex128"),
    ([np.full((3, 4), "1"), [0, 1, 1]], "x expects dtype float32, got <U1"),
    ([np.ones((3, 4)), [0, 1, -1]], "labels expects integers in 0 .. 2-1, got -1"),
    ([np.ones((3, 4)), [0, 2, 1]], "labels expects integers in 0 .. 2-1, got 2"),
]


@pytest.mark.parametrize(("batch", "message"), BATCHES)
def test_a_batch_that_does_not_fit_is_refused_and_changes_nothing(batch, message):
    model = Sequential(Linear(2), Dropout())
    x, labels = Input((3, 4), name="x"), Input((3,), "int64", name="labels")
    loss = CrossEntropy()(model(x), labels)
    arena = ParamArena(model)
    program = Program([x, labels], loss, arena, Adam(0.1))
    program.step(np.ones((3, 4)), [0, 1, 1])
    before = arena.value.tobytes(), arena.grad.tobytes(), int(arena.step), program.optimizer_state.count
    with pytest.raises(GraphError, match=re.escape(message)):
        program.step(*batch)
    assert (arena.value.tobytes(), arena.grad.tobytes(), int(arena.step), program.optimizer_state.count) == before
    with pytest.raises(GraphError, match="forward"):
        program.backward()


def test_labels_that_are_computed_could_not_be_checked():
    x, labels = Input((4, 4)), Input((2,), "int64", name="labels")
    loss = CrossEntropy()(x, Concat()(labels, labels))
    with pytest.raises(GraphError, match="CrossEntropy expects target to come from a graph input, for its range to be"):
        Program([x, labels], loss, ParamArena([]), gradients_of=[x])


def test_labels_that_were_sliced_out_are_checked_alone():
    x, table = Input((3, 4)), Input((3, 2), "int64", name="table")
    program = Program([x, table], CrossEntropy()(x, table[:, 0].reshape(3)), ParamArena([]), gradients_of=[x])
    program.forward(np.zeros((3, 4)), np.array([[0, 99], [3, -7], [1, 5]]))
    with pytest.raises(GraphError, match=r"table expects integers in 0 \.\. 4-1, got -1"):
        program.forward(np.zeros((3, 4)), np.array([[0, 0], [-1, 0], [1, 0]]))


def test_input_shapes_are_positive_integers():
    for shape in [(0, 3), (2, -1), (2.5,), (None, 3)]:
        with pytest.raises(GraphError, match=r"Input expects a shape of positive integers, got"):
            Input(shape)
    assert isinstance(Input([2, 3]), Value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Sequential([Linear(2)]),
            r"Sequential expects layers, got \[Linear\(2\)\]; write Sequential\(\*layers\)",
        ),
        (lambda: Sequential(Linear), r"Sequential expects layers, got <class .*>; such as ReLU\(\), not ReLU"),
        (lambda: Input(8), r"Input expects a shape such as \(32, 8\), got 8"),
        (lambda: Input((2, 6)).reshape(2.5), r"Reshape expects integers, one by one or in a tuple"),
        (lambda: Input((2, 6)).reshape(-2, -6), r"Reshape expects a shape of 12 elements"),
        (lambda: Model()(Input((2, 3))), r"Model expects a method call\(self, \*values\)"),
    ],
)
def test_habits_from_elsewhere_are_answered(make, message):
    with pytest.raises(GraphError, match=message):
        make()


def test_shapes_may_be_numpy_integers_and_reshape_takes_a_tuple():
    x = Input((np.int64(2), 6))
    assert x.shape == (2, 6)
    assert x.reshape((3, 4)).shape == x.reshape(3, -1).shape == (3, 4)
