"""What losses refuse, and how they say it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fusegrad.expr import ExpressionError
from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.losses import (
    MSE,
    BCEWithLogits,
    CrossEntropy,
    Focal,
    Hinge,
    Huber,
    MeanLoss,
    Poisson,
    Quantile,
    SmoothL1,
    SquaredHinge,
)


def f(*shape):
    return Input(shape)


def i(*shape):
    return Input(shape, "int64")


REFUSED = [
    (MSE(), [f(4, 1), f(4)], "MSE expects targets of the predictions' shape (4, 1), got (4,)"),
    (MSE(), [f(4, 1), i(4, 1)], "MSE expects floating-point targets, got (4, 1) int64"),
    (MSE(), [i(4, 1), f(4, 1)], "MSE expects floating-point predictions (batch, …), got (4, 1) int64"),
    (MSE(), [f(4, 2), f(4, 2), f(4, 2)], "MSE expects one floating-point weight for each of 4 samples, got (4, 2)"),
    (MSE(), [f(4, 2), f(4, 2), i(4)], "MSE expects one floating-point weight for each of 4 samples, got (4,) int64"),
    (BCEWithLogits(), [f(4, 1), f(4)], "BCEWithLogits expects targets of the predictions' shape (4, 1), got (4,)"),
    (CrossEntropy(), [f(4, 3), i(4, 1)], "CrossEntropy expects integer labels of shape (4,), got (4, 1) int64"),
    (CrossEntropy(), [f(4, 3), f(4)], "CrossEntropy expects distributions of shape (4, 3), got (4,) float32"),
    (CrossEntropy(), [f(4), i(4)], "CrossEntropy expects floating-point logits (batch, …, classes), got (4,)"),
    (CrossEntropy(), [f(4, 3), i(4), f(3)], "CrossEntropy expects one floating-point weight for each of 4 samples"),
    (CrossEntropy(), [f(2, 4, 3), i(2, 4), f(2)], "CrossEntropy expects logits (batch, classes) beside sample weights"),
    (
        CrossEntropy(),
        [f(4, 3), Input((4,), "bool")],
        "CrossEntropy expects integer labels of shape (4,), got (4,) bool",
    ),
    (Hinge(), [f(4, 1), i(4, 1)], "Hinge expects floating-point targets, got (4, 1) int64"),
    (
        MeanLoss(lambda x, t: x - t),
        [f(4, 1), f(4)],
        "MeanLoss((x - t)) expects targets of the predictions' shape (4, 1)",
    ),
    (CrossEntropy([1, 2]), [f(4, 3), i(4)], "CrossEntropy expects 3 class weights, got 2"),
]


@pytest.mark.parametrize(("loss", "inputs", "message"), REFUSED)
def test_inputs_that_do_not_fit_are_named(loss, inputs, message):
    with pytest.raises(GraphError, match=re.escape(message)):
        loss(*inputs)


OPTIONS = [
    (lambda: Huber(0), "Huber expects delta above 0, got 0"),
    (lambda: SmoothL1(-1), "SmoothL1 expects beta above 0, got -1"),
    (lambda: Quantile(1), "Quantile expects q between 0 and 1, got 1"),
    (lambda: Focal(gamma=-1), "Focal expects gamma of at least 0, got -1"),
    (lambda: Focal(alpha=2), "Focal expects alpha in 0 .. 1, got 2"),
    (lambda: BCEWithLogits(pos_weight=-1), "BCEWithLogits expects pos_weight of at least 0, got -1"),
    (lambda: BCEWithLogits(label_smoothing=2), "BCEWithLogits expects label_smoothing in 0 .. 1, got 2"),
    (lambda: CrossEntropy(label_smoothing=-0.1), "CrossEntropy expects label_smoothing in 0 .. 1, got -0.1"),
    (lambda: MeanLoss(lambda x: x * x), "MeanLoss((x * x)) expects a function of two arguments, got ('x',)"),
    (lambda: MeanLoss(lambda x, t: (x, t)), "MeanLoss(x) expects a function with one result, got 2"),
]


@pytest.mark.parametrize(("make", "message"), OPTIONS)
def test_options_out_of_range_are_named(make, message):
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        make()


def test_a_formula_that_cannot_be_traced_is_refused():
    with pytest.raises(ExpressionError, match="truth value"):
        MeanLoss(lambda x, t: x if x > t else t)


TARGETS = [
    (Hinge(), [1, -1, 0], "labels of -1 or 1 (labels of 0 and 1 become 2 y - 1), got [0.] in row 2"),
    (SquaredHinge(), [1, -1, 0.5], "labels of -1 or 1 (labels of 0 and 1 become 2 y - 1), got [0.5] in row 2"),
    (Poisson(), [0, 3, -1], "numbers of at least 0, got [-1.] in row 2"),
    (BCEWithLogits(), [0, 0.5, 1.5], "numbers in [0, 1] (labels of -1 and 1 become (y + 1) / 2), got [1.5] in row 2"),
    (Focal(), [0, 0.5, -1], "numbers in [0, 1] (labels of -1 and 1 become (y + 1) / 2), got [-1.] in row 2"),
]


@pytest.mark.parametrize(("loss", "target", "fault"), TARGETS)
def test_targets_out_of_range_are_named_with_their_row(loss, target, fault):
    column = np.array(target, "float32")[:, None]
    assert loss.check_target(column) == fault
    assert loss.check_target(column[:2]) is None


@pytest.mark.parametrize(("label", "got"), [(-1, "-1"), (3, "3"), (2**40, str(2**40))])
def test_a_label_outside_the_classes_is_named_before_anything_runs(label, got):
    x, labels = Input((2, 3)), Input((2,), "int64", name="labels")
    program = Program([x, labels], CrossEntropy()(x, labels), ParamArena([]), gradients_of=[x])
    with pytest.raises(GraphError, match=rf"labels expects integers in 0 \.\. 3-1, got {got}"):
        program.forward(np.zeros((2, 3)), [0, label])
    assert int(program.arena.step) == 0


def test_the_smallest_of_several_limits_counts():
    few, many, labels = Input((2, 3)), Input((2, 5)), Input((2,), "int64", name="labels")
    loss = CrossEntropy()(few, labels) + CrossEntropy()(many, labels)
    program = Program([few, many, labels], loss, ParamArena([]))
    with pytest.raises(GraphError, match=r"labels expects integers in 0 \.\. 3-1, got 4"):
        program.forward(np.zeros((2, 3)), np.zeros((2, 5)), [0, 4])
