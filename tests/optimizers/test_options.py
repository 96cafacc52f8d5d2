"""Numbers that an optimizer refuses, and the custom rules that a program accepts."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Linear
from fusegrad.optimizers import SGD, Adam, AdamW, Optimizer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), "SGD expects lr at least 0, or a schedule, got -0.1"),
        (lambda: SGD(momentum=1.0), "SGD expects momentum in 0 .. 1, got 1.0"),
        (lambda: SGD(momentum=-0.1), "SGD expects momentum in 0 .. 1, got -0.1"),
        (lambda: SGD(nesterov=True), "SGD expects momentum above 0 with nesterov, got 0.0"),
        (lambda: SGD(weight_decay=-1), "SGD expects weight_decay at least 0, got -1"),
        (lambda: Adam(betas=(0.9, 1.0)), "Adam expects betas in 0 .. 1, got (0.9, 1.0)"),
        (lambda: Adam(eps=0), "Adam expects eps above 0, got 0"),
        (lambda: AdamW(clip_norm=0), "AdamW expects clip_norm above 0, got 0"),
    ],
)
def test_numbers_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


class SignDescent(Optimizer):
    """value -= rate sign(gradient)."""

    def update(self, value, grad, rate):
        value -= rate * np.sign(grad)


class Misspelt(Optimizer):
    def update(self, value, gradd, rate):
        raise AssertionError("never runs")


def linear_program(optimizer):
    layer, x = Linear(1, bias=False), Input((1, 2))
    return Program([x], layer(x).sum(), ParamArena(layer), optimizer)


def test_a_rule_of_ones_own():
    program = linear_program(SignDescent(0.5))
    before = program.arena.value.copy()
    program.step([[3.0, -0.1]])
    np.testing.assert_allclose(program.arena.value - before, [-0.5, 0.5], rtol=1e-6)


def test_a_misspelt_array_of_a_rule_is_named():
    expected = "Misspelt.update names 'gradd', which it is not given; perhaps you meant \"grad\"?"
    with pytest.raises(GraphError, match=re.escape(expected)):
        linear_program(Misspelt(0.5))
