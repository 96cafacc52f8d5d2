"""Initializers: spread and bounds after their papers, on a weight of 400 outputs and 300 inputs."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from fusegrad import initializers

SHAPE = 400, 300


def draw(initializer, shape=SHAPE, seed=0):
    return initializer(np.random.default_rng(seed), shape)


SPREADS = [
    (initializers.normal(), 0.01),
    (initializers.normal(2.0), 2.0),
    (initializers.xavier_normal(), sqrt(2 / 700)),
    (initializers.xavier_normal(5 / 3), 5 / 3 * sqrt(2 / 700)),
    (initializers.xavier_uniform(), sqrt(2 / 700)),
    (initializers.xavier_uniform(2.0), 2 * sqrt(2 / 700)),
    (initializers.he_normal(), sqrt(2 / 300)),
    (initializers.he_normal(0.5), 0.5 * sqrt(2 / 300)),
    (initializers.he_uniform(), sqrt(2 / 300)),
    (initializers.he_uniform(3.0), 3 * sqrt(2 / 300)),
]


@pytest.mark.parametrize(("initializer", "std"), SPREADS)
def test_the_standard_deviation(initializer, std):
    weights = draw(initializer)
    assert weights.std() == pytest.approx(std, rel=0.01)
    assert abs(weights.mean()) < 4 * std / sqrt(weights.size)


@pytest.mark.parametrize(
    ("initializer", "bound"),
    [(initializers.xavier_uniform(2.0), 2 * sqrt(6 / 700)), (initializers.he_uniform(), sqrt(6 / 300))],
)
def test_uniform_ones_fill_their_range(initializer, bound):
    weights = np.abs(draw(initializer))
    assert 0.999 * bound < weights.max() <= bound


def test_the_mean_of_normal():
    assert draw(initializers.normal(0.1, mean=3.0)).mean() == pytest.approx(3, abs=0.002)


def test_zeros():
    assert not draw(initializers.zeros, (5,)).any()


def test_the_same_generator_gives_the_same_weights():
    initializer = initializers.he_normal()
    assert np.array_equal(draw(initializer), draw(initializer))
    assert not np.array_equal(draw(initializer), draw(initializer, seed=1))


@pytest.mark.parametrize(
    ("shape", "fans"), [((400, 300), (300, 400)), ((64, 3, 5, 5), (75, 1600)), ((2, 7, 3), (21, 6))]
)
def test_fans_count_the_kernel(shape, fans):
    assert initializers.fans(shape) == fans


@pytest.mark.parametrize("initializer", [initializers.he_normal(), initializers.xavier_uniform()])
def test_a_shape_without_fans_is_an_error(initializer):
    with pytest.raises(ValueError, match=r"expects a weight \(width_out, width_in, …\), got shape \(5,\)"):
        draw(initializer, (5,))
