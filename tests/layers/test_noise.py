"""Noise and dropout of whole stretches: how much, when, and that it is the same on every backend."""

from __future__ import annotations

import numpy as np
import pytest
from layers.outcomes import numbers, outcome, prediction

from fusegrad.graph import GraphError, Input
from fusegrad.layers import Dropout, GaussianDropout, GaussianNoise, SpatialDropout, StochasticDepth

ONES = np.ones((40, 30, 4, 5), "float32")


def test_whole_channels_are_dropped():
    y = outcome(SpatialDropout(0.3), ONES).y.reshape(40, 30, 20)
    assert (y == y[:, :, :1]).all()
    kept = y[:, :, 0] != 0
    assert abs(kept.mean() - 0.7) < 4 * np.sqrt(0.21 / kept.size)
    np.testing.assert_allclose(y[kept], 1 / 0.7, rtol=1e-6)


def test_whole_samples_are_dropped():
    y = outcome(StochasticDepth(0.4), np.ones((500, 3, 4), "float32")).y.reshape(500, 12)
    assert (y == y[:, :1]).all()
    assert abs((y[:, 0] != 0).mean() - 0.6) < 4 * np.sqrt(0.24 / 500)


def test_the_whole_batch_is_dropped_or_none_of_it():
    x = np.ones((50, 3), "float32")
    found = [outcome(StochasticDepth(0.5, "batch"), x, seed=seed).y for seed in range(20)]
    assert all(len(np.unique(y)) == 1 for y in found)
    assert {float(y[0, 0]) for y in found} == {0.0, 2.0}


@pytest.mark.parametrize("layer", [SpatialDropout(0.3), StochasticDepth(0.4), StochasticDepth(0.4, "batch")], ids=str)
def test_the_gradient_passes_where_the_value_did(layer):
    found = outcome(layer, ONES[:, :5])
    np.testing.assert_allclose(found.gradients[0], found.weights * found.y, rtol=1e-6)


def test_gaussian_noise_has_its_mean_and_deviation_and_lets_the_gradient_through():
    x = numbers(400, 50)
    found = outcome(GaussianNoise(0.5), x)
    noise = found.y - x
    assert abs(noise.mean()) < 4 * 0.5 / np.sqrt(noise.size)
    assert abs(noise.std() / 0.5 - 1) < 4 / np.sqrt(2 * noise.size)
    np.testing.assert_array_equal(found.gradients[0], found.weights)


def test_gaussian_dropout_has_the_variance_of_dropout_and_its_gradient_the_same_factors():
    x = np.ones((400, 50), "float32")
    found = outcome(GaussianDropout(0.2), x)
    assert abs(found.y.mean() - 1) < 4 * 0.5 / np.sqrt(x.size)
    assert abs(found.y.std() / 0.5 - 1) < 4 / np.sqrt(2 * x.size)
    np.testing.assert_allclose(found.gradients[0], found.weights * found.y, rtol=1e-6)


ALL = [SpatialDropout(0.5), StochasticDepth(0.5), GaussianNoise(0.5), GaussianDropout(0.5)]


@pytest.mark.parametrize("layer", ALL, ids=str)
def test_prediction_passes_everything_on(layer):
    x = numbers(4, 3, 5)
    np.testing.assert_array_equal(prediction(layer, x), x)


@pytest.mark.parametrize("layer", ALL, ids=str)
def test_the_draw_is_a_function_of_the_seed(layer):
    x = numbers(20, 30)
    first, again, other = (outcome(layer, x, seed=seed).y for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("layer", [SpatialDropout(0.5), StochasticDepth(0.5), StochasticDepth(0.5, "batch")], ids=str)
def test_a_gpu_has_the_same_bits(layer):
    x = numbers(9, 5, 7)
    here, there = outcome(layer, x), outcome(layer, x, backend="emulated")
    np.testing.assert_array_equal(here.y, there.y)
    np.testing.assert_array_equal(here.gradients[0], there.gradients[0])


@pytest.mark.parametrize("layer", [GaussianNoise(0.5), GaussianDropout(0.5)], ids=str)
def test_a_gpu_has_the_same_noise_but_for_the_last_digits(layer):
    x = numbers(9, 35)
    here, there = outcome(layer, x), outcome(layer, x, backend="emulated")
    np.testing.assert_allclose(there.y, here.y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(there.gradients[0], here.gradients[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpatialDropout(1.0), "SpatialDropout expects 0 <= rate < 1, got 1.0"),
        (lambda: StochasticDepth(-0.1), "StochasticDepth expects 0 <= rate < 1, got -0.1"),
        (lambda: StochasticDepth(0.1, "rows"), 'StochasticDepth expects mode "row" or "batch", got \'rows\''),
        (lambda: Dropout("0.5"), "Dropout expects 0 <= rate < 1, got 0.5"),
        (lambda: GaussianNoise(-1), "GaussianNoise expects std >= 0, got -1"),
        (lambda: GaussianNoise(None), "GaussianNoise expects std >= 0, got None"),
        (lambda: GaussianNoise(np.inf), "GaussianNoise expects std >= 0, got inf"),
        (lambda: GaussianDropout(1), "GaussianDropout expects 0 <= rate < 1, got 1"),
        (
            lambda: SpatialDropout()(Input((3,))),
            r"SpatialDropout\(0.5\) expects floating-point input \(batch, channels, …\), got \(3,\) float32",
        ),
        (
            lambda: StochasticDepth(0.5)(Input((3,), "int32")),
            r'StochasticDepth\(0.5, "row"\) expects floating-point input \(batch, …\), got \(3,\) int32',
        ),
        (lambda: GaussianNoise()(Input((3,), "int32")), "expects floating-point input, got"),
        (lambda: GaussianDropout()(Input((3,), "int32")), "expects floating-point input, got"),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(GraphError, match=message):
        make()
