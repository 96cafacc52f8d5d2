"""Optimizers against the textbook, one number at a time, over twenty steps in float64."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from fusegrad.graph import Arrays, Input, Layer, Module, Param, ParamArena, Program, Spec
from fusegrad.optimizers import SGD, Adam, AdamW
from fusegrad.schedules import cosine

STEPS = 20
GRADIENTS = np.random.default_rng(0).normal(size=(STEPS, 4))


class Leaf(Layer):
    """y = two numbers, so that the gradient of a sum with x is x."""

    def __init__(self, start, decay):
        self.weight = Param((2,), lambda generator, shape: np.array(start), decay=decay)

    def plan(self):
        return Arrays({"y": Spec((2,), "float64")})

    def forward(self, weight, y):
        y[...] = weight

    def backward(self, dy, dweight):
        dweight[...] = dy


class Leaves(Module):
    """Two numbers that decay and two that do not."""

    def __init__(self):
        self.free, self.decaying = Leaf([1.5, -0.5], decay=False), Leaf([2.0, 0.25], decay=True)


def trained(optimizer, gradients=GRADIENTS):
    """The values of the two decaying and the two free numbers after each step."""
    leaves = Leaves()
    x = Input((4,), "float64")
    loss = (leaves.decaying() * x[:2]).sum() + (leaves.free() * x[2:]).sum()
    program = Program([x], loss, ParamArena(leaves, dtype="float64", backend="cpu"), optimizer)
    path = []
    for gradient in gradients:
        program.step(gradient)
        path.append(program.arena.value.copy())
    return np.array(path)


START = [2.0, 0.25, 1.5, -0.5]


def by_hand(rule, decay, gradients=GRADIENTS):
    """The same path by a rule `(value, gradient, state, count, decay) -> value` for single numbers."""
    values, states, path = list(START), [{} for _ in START], []
    for count, gradient in enumerate(gradients, start=1):
        for i, g in enumerate(gradient):
            values[i] = rule(values[i], float(g), states[i], count, decay if i < 2 else 0.0)
        path.append(list(values))
    return np.array(path)


def sgd(value, g, state, count, decay):
    return value - 0.1 * (g + decay * value)


def momentum(value, g, state, count, decay):
    state["v"] = 0.9 * state.get("v", 0) + g + decay * value
    return value - 0.1 * state["v"]


def nesterov(value, g, state, count, decay):
    g = g + decay * value
    state["v"] = 0.9 * state.get("v", 0) + g
    return value - 0.1 * (g + 0.9 * state["v"])


def adam_step(g, state, count):
    state["m"] = 0.8 * state.get("m", 0) + 0.2 * g
    state["v"] = 0.95 * state.get("v", 0) + 0.05 * g * g
    return (state["m"] / (1 - 0.8**count)) / (sqrt(state["v"] / (1 - 0.95**count)) + 1e-6)


def adam(value, g, state, count, decay):
    return value - 0.1 * adam_step(g + decay * value, state, count)


def adamw(value, g, state, count, decay):
    return value - 0.1 * decay * value - 0.1 * adam_step(g, state, count)


ADAM = {"betas": (0.8, 0.95), "eps": 1e-6}
RULES = [
    (SGD, {}, sgd),
    (SGD, {"momentum": 0.9}, momentum),
    (SGD, {"momentum": 0.9, "nesterov": True}, nesterov),
    (Adam, ADAM, adam),
    (AdamW, ADAM, adamw),
]
IDS = ["sgd", "momentum", "nesterov", "adam", "adamw"]


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize(("optimizer", "options", "rule"), RULES, ids=IDS)
def test_twenty_steps(optimizer, options, rule, decay):
    path = trained(optimizer(0.1, weight_decay=decay, **options))
    np.testing.assert_allclose(path, by_hand(rule, decay), rtol=1e-12)


@pytest.mark.parametrize("optimizer", [SGD(0.1, weight_decay=0.3), AdamW(0.1, weight_decay=0.3)], ids=str)
def test_decay_pulls_only_what_decays(optimizer):
    path = trained(optimizer, np.zeros((5, 4)))
    assert (np.diff(np.abs(path[:, :2]), axis=0) < 0).all()
    assert (path[:, 2:] == START[2:]).all()


def test_adamw_decays_by_a_hundredth_unless_told_otherwise():
    path = trained(AdamW(0.1), np.zeros((1, 4)))
    np.testing.assert_allclose(path[0, :2], np.array(START[:2]) * (1 - 0.1 * 0.01), rtol=1e-14)


def test_the_schedule_is_asked_for_every_update():
    seen = []

    def schedule(step):
        seen.append(step)
        return 0.1 * (step + 1)

    path = trained(SGD(schedule), np.ones((4, 4)))
    rates = -np.diff(path[:, 0], prepend=START[0])
    np.testing.assert_allclose(rates, [0.1, 0.2, 0.3, 0.4], rtol=1e-12)
    assert seen[-4:] == [0, 1, 2, 3]


def test_a_schedule_that_ends_at_zero_stands_still():
    path = trained(SGD(cosine(0.1, steps=3)), np.ones((6, 4)))
    assert (np.diff(path, axis=0)[:2] != 0).all()
    assert (path[2:] == path[2]).all()


@pytest.mark.parametrize("optimizer", [SGD, Adam, AdamW])
def test_one_optimizer_for_several_arenas_keeps_them_apart(optimizer):
    both = optimizer(0.1)
    np.testing.assert_array_equal(trained(both), trained(both))
