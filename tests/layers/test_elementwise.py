"""Formulas of one's own as layers, under whatever names their arguments have, and what is said of those that fail."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from fusegrad import expr, losses
from fusegrad.expr import ExpressionError, function
from fusegrad.graph import GraphError, Input, ParamArena, Program, check_gradients
from fusegrad.layers import Elementwise, Linear, ReLU, Sequential, SiLU

NAMES = [
    lambda y: y * expr.tanh(y),
    lambda h: h * expr.tanh(h),
    lambda dy: dy * expr.tanh(dy),
    lambda bias: bias * expr.tanh(bias),
]
PAIRS = [
    lambda node, add_dx: node * expr.exp(add_dx),
    lambda x, y: x * expr.exp(y),
    lambda y, x: x * expr.exp(y),
    lambda x, dx: x * expr.exp(dx),
]


@pytest.mark.parametrize("formula", NAMES)
def test_an_argument_may_be_called_anything(formula):
    check_gradients(Elementwise(formula), (4, 5))
    check_gradients(Linear(3, formula), (4, 5))
    check_gradients(Sequential(Linear(3), Elementwise(formula), Elementwise(formula)), (4, 5))


@pytest.mark.parametrize("formula", PAIRS)
def test_two_arguments_may_be_called_anything(formula):
    check_gradients(Elementwise(formula), (4, 5), (4, 5))
    check_gradients(lambda a, b: losses.MeanLoss(formula)(a, b), (4, 5), (4, 5))


def test_numpys_functions_are_formulas():
    check_gradients(Elementwise(np.tanh), (4, 5))
    check_gradients(Elementwise(lambda x: np.where(x > 0, np.exp(-x), np.maximum(x, -1))), (4, 5))


def test_a_copy_of_a_model_learns_by_itself():
    model = Sequential(Linear(3, SiLU()), ReLU(), Linear(2))
    twin = copy.deepcopy(model)
    x = Input((4, 5))
    for network in (model, twin):
        network(x)
    first, second = ParamArena(model), ParamArena(twin)
    np.testing.assert_array_equal(first.value, second.value)
    assert twin.layers[0].weight is not model.layers[0].weight
    rows = np.ones((4, 5), "float32")
    np.testing.assert_array_equal(model(rows), twin(rows))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: Elementwise(function(lambda a, *, s: a * s))(x), "Elementwise expects a function of arrays alone"),
        (
            lambda x: Elementwise("relu")(x),
            "Elementwise expects a formula that can be traced: a scalar function such as",
        ),
        (lambda x: Elementwise(lambda a: a if a > 0 else 0)(x), "Elementwise expects .* has no truth value"),
        (lambda x: Elementwise(lambda a, b: a + b)(x), r"expects inputs \(a, b\), got 1"),
        (lambda x: Elementwise(lambda a, b: a + b)(x, x[:1]), r"expects inputs like \(4, 5\) float32, got \(1, 5\)"),
        (lambda x: Linear(True), "Linear expects a positive whole number as width, got True"),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(GraphError, match=message):
        make(Input((4, 5)))


def test_a_function_of_arrays_says_how_it_comes_into_a_graph():
    gate = function(lambda x: x * expr.sigmoid(x), name="gate")
    with pytest.raises(
        ExpressionError, match=r"gate expects numbers.* got Value; in a graph, write Elementwise\(gate\)"
    ):
        gate(Input((4, 5)))
    with pytest.raises(ExpressionError, match="got Value; in a graph, put the formula into Elementwise"):
        expr.tanh(Input((4, 5)))


def test_a_width_may_be_a_number_of_numpy():
    x = Input((4, 5))
    assert Linear(np.int64(3))(x).shape == (4, 3)


def test_a_program_keeps_what_the_derivative_needs_and_no_more():
    x = Input((4, 5))
    layers = {"y": Elementwise(expr.activations.tanh), "x": SiLU()}
    for wanted, layer in layers.items():
        y = layer(x)
        program = Program([x], y.sum(), ParamArena([]), gradients_of=[x])
        read = {buffer for call in program.schedule.backward for buffer in call.buffers()}
        assert (x.data in read, y.data in read) == (wanted == "x", wanted == "y")


def test_a_weight_of_a_class_is_a_number_of_at_least_0():
    for wrong in (0.1, -np.ones(3)):
        with pytest.raises(GraphError, match="CrossEntropy expects class_weight to be one number of at least 0 per"):
            losses.CrossEntropy(wrong)
