"""Losses and their gradients beside PyTorch's, in float64, at kinks too."""

from __future__ import annotations

import numpy as np
import pytest
from losses.evaluating import value_and_gradient

from fusegrad.losses import (
    MAE,
    MSE,
    BCEWithLogits,
    CrossEntropy,
    Focal,
    Hinge,
    Huber,
    Poisson,
    SmoothL1,
    SquaredHinge,
)

torch = pytest.importorskip("torch", reason="losses are compared with those of torch.nn.functional")
F = torch.nn.functional

GENERATOR = np.random.default_rng(0)
X = np.concatenate([GENERATOR.normal(size=(6, 4)), GENERATOR.normal(size=(3, 4)) * 30])
SHARE = GENERATOR.random(X.shape)
LABELS = GENERATOR.integers(0, 4, len(X))
SIGN = np.where(SHARE < 0.5, -1.0, 1.0)
CLASS_WEIGHT = [1.0, 2.0, 0.25, 0.0]


def kinked(offset):
    """Targets some of which are exactly `offset` from X."""
    return np.where(SHARE < 0.5, X + offset, SHARE)


def focal(x, t):
    """As in torchvision.ops.sigmoid_focal_loss."""
    p = torch.sigmoid(x)
    right = p * t + (1 - p) * (1 - t)
    entropy = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    return ((0.25 * t + 0.75 * (1 - t)) * (1 - right) ** 2 * entropy).mean()


def smooth(x, t):
    return F.cross_entropy(x, t, torch.tensor(CLASS_WEIGHT, dtype=x.dtype), label_smoothing=0.2)


CASES = {
    "mse": (MSE(), F.mse_loss, SHARE),
    "mae": (MAE(), F.l1_loss, kinked(0)),
    "huber": (Huber(0.5), lambda x, t: F.huber_loss(x, t, delta=0.5), kinked(0.5)),
    "smooth-l1": (SmoothL1(0.5), lambda x, t: F.smooth_l1_loss(x, t, beta=0.5), kinked(-0.5)),
    "poisson": (Poisson(), F.poisson_nll_loss, 5 * SHARE),
    "hinge": (Hinge(), lambda x, t: torch.relu(1 - t * x).mean(), SIGN),
    "squared-hinge": (SquaredHinge(), lambda x, t: (torch.relu(1 - t * x) ** 2).mean(), SIGN),
    "bce": (BCEWithLogits(), F.binary_cross_entropy_with_logits, SHARE),
    "bce-pos-weight": (
        BCEWithLogits(pos_weight=3.0),
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=torch.tensor(3.0)),
        SHARE,
    ),
    "focal": (Focal(), focal, SHARE),
    "labels-smoothed": (
        CrossEntropy(label_smoothing=0.2),
        lambda x, t: F.cross_entropy(x, t, label_smoothing=0.2),
        LABELS,
    ),
    "labels-smoothed-class-weights": (CrossEntropy(CLASS_WEIGHT, label_smoothing=0.2), smooth, LABELS),
    "soft-smoothed-class-weights": (CrossEntropy(CLASS_WEIGHT, label_smoothing=0.2), smooth, SHARE),
}


@pytest.mark.parametrize(("loss", "theirs", "target"), CASES.values(), ids=CASES)
def test_values_and_gradients_are_those_of_torch(loss, theirs, target):
    x = torch.tensor(X, requires_grad=True)
    expected = theirs(x, torch.tensor(target))
    expected.backward()
    y, gradient = value_and_gradient(loss, X, target)
    np.testing.assert_allclose(y, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-10, atol=1e-15)


def test_poisson_of_rates_is_that_of_torch():
    x = torch.tensor(abs(X), requires_grad=True)
    expected = F.poisson_nll_loss(x, torch.tensor(SHARE), log_input=False)
    expected.backward()
    y, gradient = value_and_gradient(Poisson(log_input=False), abs(X), SHARE)
    np.testing.assert_allclose(y, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-10)
