"""Initializers: spread and bounds after their papers, on a weight of 400 outputs and 300 inputs."""

from __future__ import annotations

from math import inf, nan, sqrt
from statistics import NormalDist

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
    (initializers.lecun_normal(), sqrt(1 / 300)),
    (initializers.lecun_normal(2.0), 2 * sqrt(1 / 300)),
    (initializers.lecun_uniform(), sqrt(1 / 300)),
    (initializers.lecun_uniform(0.5), 0.5 * sqrt(1 / 300)),
    (initializers.uniform(-3, 3), sqrt(3)),
    (initializers.truncated_normal(), 0.01 * 0.87962566),
    (initializers.orthogonal(), sqrt(1 / 400)),
    (initializers.orthogonal(2.0), 2 * sqrt(1 / 400)),
]


@pytest.mark.parametrize(("initializer", "std"), SPREADS)
def test_the_standard_deviation(initializer, std):
    weights = draw(initializer)
    assert weights.std() == pytest.approx(std, rel=0.01)
    assert abs(weights.mean()) < 4 * std / sqrt(weights.size)


@pytest.mark.parametrize(
    ("initializer", "bound"),
    [
        (initializers.xavier_uniform(2.0), 2 * sqrt(6 / 700)),
        (initializers.he_uniform(), sqrt(6 / 300)),
        (initializers.lecun_uniform(3.0), 3 * sqrt(3 / 300)),
        (initializers.uniform(-0.2, 0.2), 0.2),
    ],
)
def test_uniform_ones_fill_their_range(initializer, bound):
    weights = np.abs(draw(initializer))
    assert 0.999 * bound < weights.max() <= bound


def test_the_mean_of_normal():
    assert draw(initializers.normal(0.1, mean=3.0)).mean() == pytest.approx(3, abs=0.002)


@pytest.mark.parametrize(
    ("initializer", "value"), [(initializers.zeros, 0), (initializers.ones, 1), (initializers.constant(-3), -3)]
)
def test_all_alike(initializer, value):
    weights = draw(initializer, (5,))
    assert weights.shape == (5,) and weights.dtype == "float64" and (weights == value).all()


def test_uniform_between_two_numbers():
    weights = draw(initializers.uniform(2, 3))
    assert 2 <= weights.min() < 2.001 and 2.999 < weights.max() < 3


@pytest.mark.parametrize("cut", [0.01, 0.5, 0.999, 1.0, 2.0, 5.0, inf])
def test_truncated_normal_has_the_distribution_of_normal_numbers_within_the_cut(cut):
    weights = draw(initializers.truncated_normal(std=2.0, mean=7.0, cut=cut)).ravel()
    z = np.sort((weights - 7) / 2)
    assert np.abs(z).max() <= cut + 1e-12
    normal = NormalDist()
    outside = normal.cdf(-cut)
    expected = [(normal.cdf(number) - outside) / (1 - 2 * outside) for number in z]
    distance = np.abs(np.array(expected) - (np.arange(z.size) + 0.5) / z.size).max()
    assert distance < 1.95 / sqrt(z.size)  # Kolmogorov's bound for a chance of 0.001


def test_truncated_normal_takes_any_shape():
    for shape in [(), (1,), (0, 3), (2, 3, 5)]:
        assert draw(initializers.truncated_normal(cut=0.1), shape).shape == shape


@pytest.mark.parametrize("shape", [(7, 7), (5, 9), (9, 5), (6, 2, 3), (4, 3, 5, 5), (64, 3, 3, 3), (1, 4), (4, 1)])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_orthogonal_weights_have_orthonormal_rows_or_columns(shape, gain):
    weights = draw(initializers.orthogonal(gain), shape)
    assert weights.shape == shape
    matrix = weights.reshape(shape[0], -1) / gain
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    assert np.allclose(product, np.eye(len(product)), rtol=0, atol=1e-13)


def test_orthogonal_weights_point_everywhere():
    """Without the fixed sign all Q of a 2 x 2 QR are reflections, of determinant -1."""
    matrices = np.array([draw(initializers.orthogonal(), (2, 2), seed) for seed in range(2000)])
    assert np.abs(matrices.mean(0)).max() < 4 * sqrt(0.5 / 2000)  # of entries with variance 1/2
    assert abs((np.linalg.det(matrices) > 0).mean() - 0.5) < 4 * sqrt(0.25 / 2000)


@pytest.mark.parametrize(
    "initializer",
    [
        initializers.he_normal(),
        initializers.lecun_normal(),
        initializers.lecun_uniform(),
        initializers.uniform(-1, 1),
        initializers.truncated_normal(cut=0.5),
        initializers.truncated_normal(),
        initializers.orthogonal(),
    ],
)
def test_the_same_generator_gives_the_same_weights(initializer):
    assert np.array_equal(draw(initializer), draw(initializer))
    assert not np.array_equal(draw(initializer), draw(initializer, seed=1))


@pytest.mark.parametrize(
    ("shape", "fans"), [((400, 300), (300, 400)), ((64, 3, 5, 5), (75, 1600)), ((2, 7, 3), (21, 6))]
)
def test_fans_count_the_kernel(shape, fans):
    assert initializers.fans(shape) == fans


NEED_FANS = ["he_normal", "lecun_normal", "lecun_uniform", "orthogonal", "xavier_uniform"]


@pytest.mark.parametrize("initializer", [getattr(initializers, name)() for name in NEED_FANS], ids=NEED_FANS)
def test_a_shape_without_fans_is_an_error(initializer):
    with pytest.raises(ValueError, match=r"expects a weight \(width_out, width_in, …\), got shape \(5,\)"):
        draw(initializer, (5,))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.truncated_normal(cut=0), "truncated_normal expects cut above 0, got 0"),
        (lambda: initializers.truncated_normal(cut=-2.0), "truncated_normal expects cut above 0, got -2.0"),
        (lambda: initializers.truncated_normal(cut=nan), "truncated_normal expects cut above 0, got nan"),
        (lambda: initializers.truncated_normal(-1), "truncated_normal expects std of at least 0, got -1"),
        (lambda: initializers.uniform(1, 1), "uniform expects low < high, got 1 and 1"),
        (lambda: initializers.uniform(0, inf), "uniform expects low < high, got 0 and inf"),
    ],
)
def test_numbers_that_describe_no_distribution_are_errors(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()
