"""Values at which the naive formula overflows, divides by zero or gives NaN."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.ops import activation, bce, cross_entropy, dropout, mse, norm

FLOATS = ["float32", "float64"]


def number(value=0.0, dtype="float32"):
    return np.array(value, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_sigmoid_saturates_without_overflow(dtype):
    x = np.array([-1000, -100, 0, 100, 1000], dtype)
    y, dx = np.empty_like(x), np.empty_like(x)
    activation.sigmoid(x, y)
    activation.sigmoid_backward(np.ones_like(x), y, dx)
    assert y[[0, 2, 3, 4]].tolist() == [0, 0.5, 1, 1]
    assert dx[[0, 2, 3, 4]].tolist() == [0, 0.25, 0, 0]
    np.testing.assert_allclose(y[1], np.exp(-100.0), rtol=1e-6 if dtype == "float64" else 0.05)  # subnormal in float32


def test_sigmoid_keeps_its_small_tail():
    x = np.linspace(-80, 0, 33, dtype="float32")
    y = np.empty_like(x)
    activation.sigmoid(x, y)
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-x.astype("float64"))), rtol=8 * np.finfo("float32").eps)


@pytest.mark.parametrize("dtype", FLOATS)
def test_bce_of_huge_logits_is_the_logit_or_zero(dtype):
    x, target = np.array([1000, -1000, 1000, -1000], dtype), np.array([0, 1, 1, 0], dtype)
    y, dx = number(dtype=dtype), np.empty_like(x)
    bce.forward(x, target, None, y)
    bce.backward(number(1, dtype), x, target, None, dx)
    assert y == 500
    np.testing.assert_allclose(dx, [0.25, -0.25, 0, 0])


@pytest.mark.parametrize("dtype", FLOATS)
def test_cross_entropy_of_huge_logits_is_their_difference(dtype):
    x, labels = np.array([[10000, 0, -10000], [0, 10000, 0]], dtype), np.array([1, 1])
    y, probability = number(dtype=dtype), np.empty_like(x)
    cross_entropy.forward(x, labels, None, None, y, probability)
    assert y == 5000
    assert probability.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_label_of_probability_zero_costs_a_finite_loss():
    x = np.array([[0, -200]], "float32")
    y, probability = number(), np.empty_like(x)
    cross_entropy.forward(x, np.array([1]), None, None, y, probability)
    assert probability[0, 1] == 0
    assert y == 200


def test_samples_of_total_weight_zero_cost_nothing():
    x, weight = np.ones((2, 3), "float32"), np.zeros(2, "float32")
    y, dx = number(7), np.full((2, 3), 7, "float32")
    mse.forward(x, 0 * x, weight, y)
    mse.backward(number(1), x, 0 * x, weight, dx, None)
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
