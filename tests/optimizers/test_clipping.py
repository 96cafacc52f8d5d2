"""Clipping by the global norm."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.graph import Input, ParamArena, Program
from fusegrad.layers import Linear, Sequential, Tanh
from fusegrad.losses import MSE
from fusegrad.ops import norm
from fusegrad.optimizers import SGD, Adam, AdamW


def program(optimizer, **options):
    model = Sequential(Linear(5), Tanh(), Linear(2))
    x, target = Input((3, 4)), Input((3, 2))
    loss = MSE()(model(x), target)
    train = model if "head" not in options else model.layers[2]
    return Program([x, target], loss, ParamArena(model, backend="cpu"), optimizer, train=train)


def batch(scale=1.0):
    generator = np.random.default_rng(0)
    return generator.normal(size=(3, 4)), scale * generator.normal(size=(3, 2))


def applied(program, *arrays, scale=1.0):
    """What plain SGD with a rate of 1 took from the parameters: the gradient that it applied."""
    before = program.arena.value.copy()
    program.forward(*arrays)
    program.backward()
    program.update(scale)
    return before - program.arena.value


@pytest.mark.parametrize("decay", [0.0, 1e-9], ids=["one-stretch", "two-stretches"])
@pytest.mark.parametrize("scale", [1.0, 0.125])
def test_a_long_gradient_is_shortened_to_the_limit(decay, scale):
    plain = applied(program(SGD(1.0)), *batch(100))
    clipped = applied(program(SGD(1.0, clip_norm=0.5, weight_decay=decay)), *batch(100), scale=scale)
    assert np.linalg.norm(plain) > 4
    assert np.linalg.norm(clipped) == pytest.approx(0.5, rel=1e-5)
    np.testing.assert_allclose(clipped, plain * (0.5 / np.linalg.norm(plain)), rtol=1e-3, atol=1e-6)


def test_a_short_gradient_is_left_as_it_is():
    plain, clipped = applied(program(SGD(1.0)), *batch()), applied(program(SGD(1.0, clip_norm=1e3)), *batch())
    np.testing.assert_array_equal(plain, clipped)


def test_the_norm_is_that_of_what_is_trained():
    limited = program(SGD(1.0, clip_norm=0.5), head=True)
    assert np.linalg.norm(applied(limited, *batch(100))) == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("optimizer", [SGD, Adam, AdamW])
def test_gradients_that_are_all_zero_do_not_make_nan(optimizer):
    still = program(optimizer(0.1, clip_norm=1.0))
    still.arena.value[...] = 0
    still.step(*batch(0))
    assert not still.arena.grad.any()
    assert not still.arena.value.any()


def test_the_scale_of_an_update_multiplies_the_gradient():
    whole, half = applied(program(SGD(1.0)), *batch()), applied(program(SGD(1.0)), *batch(), scale=0.5)
    np.testing.assert_allclose(half, whole / 2, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("size", "scale"), [(0.0, 1.0), (1e30, 5e-30 / 2)])
def test_gradients_of_any_size_are_clipped_without_a_warning(size: float, scale: float) -> None:
    factor, gradient = np.ones((), "float32"), np.full(4, size, "float32")
    norm.clip_scale(factor, gradients=(gradient,), limit=5.0)
    assert float(factor) == pytest.approx(scale, rel=1e-6)
