"""Optimizers against the textbook, one number at a time, over twenty steps in float64."""

from __future__ import annotations

from math import copysign, sqrt

import numpy as np
import pytest
from optimizers.leaves import START, leaf_program, numbers
from optimizers.leaves import trained as trained_on

from fusegrad import optimizers
from fusegrad.optimizers import SGD, Adam, AdamW
from fusegrad.schedules import cosine

STEPS = 20
GRADIENTS = np.random.default_rng(0).normal(size=(STEPS, 4))


def trained(optimizer, gradients=GRADIENTS):
    return trained_on(optimizer, gradients)


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


def dampened(value, g, state, count, decay):
    g = g + decay * value
    state["v"] = 0.9 * state["v"] + 0.75 * g if state else g
    return value - 0.1 * state["v"]


def adagrad(value, g, state, count, decay):
    g = g + decay * value
    state["total"] = state.get("total", 0.5) + g * g
    return value - 0.1 / (1 + 0.2 * (count - 1)) * g / (sqrt(state["total"]) + 1e-3)


def adadelta(value, g, state, count, decay):
    g = g + decay * value
    state["square"] = 0.8 * state.get("square", 0) + 0.2 * g * g
    change = sqrt(state.get("delta", 0) + 1e-4) / sqrt(state["square"] + 1e-4) * g
    state["delta"] = 0.8 * state.get("delta", 0) + 0.2 * change * change
    return value - 0.1 * change


def rmsprop(value, g, state, count, decay):
    g = g + decay * value
    state["square"] = 0.9 * state.get("square", 0) + 0.1 * g * g
    return value - 0.1 * g / (sqrt(state["square"]) + 1e-3)


def centered(value, g, state, count, decay):
    g = g + decay * value
    state["square"] = 0.9 * state.get("square", 0) + 0.1 * g * g
    state["mean"] = 0.9 * state.get("mean", 0) + 0.1 * g
    state["v"] = 0.7 * state.get("v", 0) + g / (sqrt(state["square"] - state["mean"] ** 2) + 1e-3)
    return value - 0.1 * state["v"]


def adam_step(g, state, count):
    state["m"] = 0.8 * state.get("m", 0) + 0.2 * g
    state["v"] = 0.95 * state.get("v", 0) + 0.05 * g * g
    return (state["m"] / (1 - 0.8**count)) / (sqrt(state["v"] / (1 - 0.95**count)) + 1e-6)


def adam(value, g, state, count, decay):
    return value - 0.1 * adam_step(g + decay * value, state, count)


def adamw(value, g, state, count, decay):
    return value - 0.1 * decay * value - 0.1 * adam_step(g, state, count)


def amsgrad(value, g, state, count, decay):
    adam_step(g + decay * value, state, count)
    state["largest"] = max(state.get("largest", 0), state["v"])
    return value - 0.1 * (state["m"] / (1 - 0.8**count)) / (sqrt(state["largest"] / (1 - 0.95**count)) + 1e-6)


def adamax(value, g, state, count, decay):
    g = g + decay * value
    state["m"] = 0.8 * state.get("m", 0) + 0.2 * g
    state["u"] = max(0.95 * state.get("u", 0), abs(g) + 1e-6)
    return value - 0.1 * state["m"] / (1 - 0.8**count) / state["u"]


def nadam(value, g, state, count, decay):
    g = g + decay * value
    adam_step(g, state, count)
    mu, ahead = (0.8 * (1 - 0.5 * 0.96 ** (0.1 * t)) for t in (count, count + 1))
    state["product"] = state.get("product", 1) * mu
    step = ahead * state["m"] / (1 - state["product"] * ahead) + (1 - mu) * g / (1 - state["product"])
    return value - 0.1 * step / (sqrt(state["v"] / (1 - 0.95**count)) + 1e-6)


def radam(value, g, state, count, decay):
    adam_step(g + decay * value, state, count)
    m, power = state["m"] / (1 - 0.8**count), 0.95**count
    rho = 39 - 2 * count * power / (1 - power)
    if rho <= 5:
        return value - 0.1 * m
    r = sqrt((rho - 4) * (rho - 2) * 39 / (35 * 37 * rho))
    return value - 0.1 * r * m * sqrt(1 - power) / (sqrt(state["v"]) + 1e-6)


def lion(value, g, state, count, decay):
    m = state.get("m", 0)
    state["m"] = 0.95 * m + 0.05 * g
    return value - 0.1 * (copysign(1, 0.8 * m + 0.2 * g) + decay * value)


BETAS = {"betas": (0.8, 0.95)}
ADAM = {**BETAS, "eps": 1e-6}
RULES = {
    "sgd": (SGD, {}, sgd),
    "momentum": (SGD, {"momentum": 0.9}, momentum),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True}, nesterov),
    "dampened": (SGD, {"momentum": 0.9, "dampening": 0.25}, dampened),
    "adagrad": (
        optimizers.Adagrad,
        {"lr_decay": 0.2, "initial_accumulator_value": 0.5, "eps": 1e-3},
        adagrad,
    ),
    "adadelta": (optimizers.Adadelta, {"rho": 0.8, "eps": 1e-4}, adadelta),
    "rmsprop": (optimizers.RMSprop, {"alpha": 0.9, "eps": 1e-3}, rmsprop),
    "centered": (optimizers.RMSprop, {"alpha": 0.9, "eps": 1e-3, "centered": True, "momentum": 0.7}, centered),
    "adam": (Adam, ADAM, adam),
    "adamw": (AdamW, ADAM, adamw),
    "decoupled": (Adam, {**ADAM, "decoupled": True}, adamw),
    "amsgrad": (optimizers.AMSGrad, ADAM, amsgrad),
    "amsgrad of adam": (Adam, {**ADAM, "amsgrad": True}, amsgrad),
    "adamax": (optimizers.Adamax, ADAM, adamax),
    "nadam": (optimizers.NAdam, {**ADAM, "momentum_decay": 0.1}, nadam),
    "radam": (optimizers.RAdam, ADAM, radam),
    "lion": (optimizers.Lion, BETAS, lion),
}


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("name", RULES)
def test_twenty_steps(name, decay):
    optimizer, options, rule = RULES[name]
    path = trained(optimizer(0.1, weight_decay=decay, **options))
    np.testing.assert_allclose(path, by_hand(rule, decay), rtol=1e-9)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_twenty_steps_of_lamb_which_sees_whole_parameters(decay):
    values = np.array([START[:2], START[2:]])
    m, v, path = np.zeros((2, 2)), np.zeros((2, 2)), []
    for count, gradient in enumerate(GRADIENTS.reshape(STEPS, 2, 2), start=1):
        m, v = 0.8 * m + 0.2 * gradient, 0.95 * v + 0.05 * gradient**2
        direction = m / (1 - 0.8**count) / (np.sqrt(v / (1 - 0.95**count)) + 1e-6) + values * [[decay], [0]]
        norms = np.linalg.norm(values, axis=1) / np.linalg.norm(direction, axis=1)
        values = values - 0.1 * norms[:, None] * direction
        path.append(values.ravel())
    np.testing.assert_allclose(trained(optimizers.LAMB(0.1, weight_decay=decay, **ADAM)), path, rtol=1e-9)


@pytest.mark.parametrize("still", ["values", "gradients"])
def test_lamb_counts_the_ratio_of_norms_as_one_where_a_norm_is_zero(still):
    optimizer = optimizers.LAMB(0.1, weight_decay=0.0)
    if still == "gradients":
        assert (trained(optimizer, np.zeros((3, 4))) == START).all()
    else:
        path = trained_on(optimizer, np.ones((1, 4)), start=[0.0, 0.0, 0.0, 0.0])
        np.testing.assert_allclose(path, np.full((1, 4), -0.1), rtol=1e-5)


def test_the_momentum_of_nadam_does_not_depend_on_what_was_asked_before():
    asked, fresh = optimizers.NAdam(), optimizers.NAdam()
    counts = [1, 2, 7, 100, 3, 9000, 8000]
    assert [asked.scalars(count) for count in counts] == [optimizers.NAdam().scalars(count) for count in counts]
    assert fresh.scalars(10**7)["share_of_grad"] == pytest.approx(1 - 0.9, rel=1e-9)


def test_the_variance_of_a_constant_gradient_stays_a_number_in_float32():
    """E[g²] - E[g]² in float32 falls below 0 here."""
    rule = optimizers.RMSprop(1e-3, alpha=0.9, centered=True)
    program = leaf_program(rule, dtype="float32")
    for _ in range(300):
        program.step([1e4, 1e3, 1e2, 10])
    variance = numbers(program, "square")
    assert np.isfinite(program.arena.value).all()
    assert (variance >= 0).all() and (variance <= 1e-9 * np.square([1e4, 1e3, 1e2, 10])).all()


@pytest.mark.parametrize("optimizer", [SGD(0.1, weight_decay=0.3), AdamW(0.1, weight_decay=0.3)], ids=str)
def test_decay_pulls_only_what_decays(optimizer):
    path = trained(optimizer, np.zeros((5, 4)))
    assert (np.diff(np.abs(path[:, :2]), axis=0) < 0).all()
    assert (path[:, 2:] == START[2:]).all()


def test_gradients_are_scaled_then_clipped_then_drawn_to_zero():
    options = {"clip_value": 0.5, "l1": 0.25, "weight_decay": 0.125}
    program = leaf_program(SGD(1.0, **options), start=[2.0, -4.0, 2.0, -4.0])
    program.forward([8.0, 0.5, 8.0, 0.5])
    program.backward()
    program.update(0.25)
    assert numbers(program).tolist() == [2 - 0.5 - 0.25 - 0.25, -4 - 0.125 + 0.25 + 0.5, 2 - 0.5, -4 - 0.125]


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


@pytest.mark.parametrize("optimizer", [SGD, Adam, optimizers.NAdam, optimizers.LAMB])
def test_one_optimizer_for_several_arenas_keeps_them_apart(optimizer):
    both = optimizer(0.1)
    np.testing.assert_array_equal(trained(both), trained(both))
