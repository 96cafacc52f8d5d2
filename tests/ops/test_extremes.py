"""Values at which the naive formula overflows, divides by zero or gives NaN."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.expr import function
from fusegrad.ops import cross_entropy, dropout, mean_loss, norm

FLOATS = ["float32", "float64"]


def number(value=0.0, dtype="float32"):
    return np.array(value, dtype)


def cross_entropy_of(x, labels, smoothing=0.0):
    """The loss and its gradient."""
    y, dy, dx = number(dtype=x.dtype), number(1, x.dtype), np.empty_like(x)
    peaks, sums = np.empty((2, len(x)), x.dtype)
    cross_entropy.forward(x, labels, None, None, smoothing, y, peaks, sums)
    cross_entropy.backward(dy, x, labels, None, None, smoothing, peaks, sums, dx)
    return y, dx


@pytest.mark.parametrize("dtype", FLOATS)
def test_cross_entropy_of_huge_logits_is_their_difference(dtype):
    x = np.array([[10000, 0, -10000], [0, 10000, 0]], dtype)
    y, dx = cross_entropy_of(x, np.array([1, 1]))
    assert y == 5000
    assert dx.tolist() == [[0.5, -0.5, 0], [0, 0, 0]]


@pytest.mark.parametrize("dtype", FLOATS)
def test_smoothed_cross_entropy_of_huge_logits_is_a_mean_of_differences(dtype):
    x = np.array([[10000, 0, -10000, 0]], dtype)
    y, _ = cross_entropy_of(x, np.array([0]), 0.5)
    assert y == 0.5 * 0 + 0.5 * (0 + 10000 + 20000 + 10000) / 4


def test_a_label_of_probability_zero_costs_a_finite_loss():
    y, dx = cross_entropy_of(np.array([[0, -200]], "float32"), np.array([1]))
    assert dx.tolist() == [[1, -1]]
    assert y == 200


def test_samples_of_total_weight_zero_cost_nothing():
    squared = function(lambda x, target: (x - target) * (x - target))
    x, weight = np.ones((2, 3), "float32"), np.zeros(2, "float32")
    y, dx = number(7), np.full((2, 3), 7, "float32")
    mean_loss.forward(squared)(x, 0 * x, weight, np.empty_like(x), y)
    mean_loss.backward(squared)(number(1), x, 0 * x, weight, np.empty_like(weight), dx, None)
    assert y == 0
    assert not dx.any()


@pytest.mark.parametrize(
    ("gradients", "before", "after"),
    [([0.0, 0.0], 2, 2), ([0.3, 0.4], 1, 1), ([3.0, 4.0], 1, 0.2), ([3.0, 4.0], 0.5, 0.2), ([0.3, 0.4], 4, 2)],
)
def test_clipping_scales_only_what_is_too_long(gradients, before, after):
    scale = number(before)
    norm.clip_scale(scale, gradients=tuple(np.array([g], "float32") for g in gradients), limit=1.0)
    np.testing.assert_allclose(scale, after, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.0, 0.999999])
def test_dropout_at_the_ends_of_its_rate(rate):
    x = np.ones(1000, "float32")
    y, mask = np.empty_like(x), np.empty(1000, "uint8")
    dropout.forward(x, y, mask, np.uint64(1), np.uint64(2), 3, rate=rate)
    assert mask.sum() == (1000 if rate == 0 else 0)
    assert y.tolist() == mask.tolist()
