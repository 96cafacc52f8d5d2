"""Every loss against finite differences in float64."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad import expr, losses
from fusegrad.graph import Arrays, GradientError, Layer, Spec, check_gradients
from fusegrad.layers import Sigmoid
from fusegrad.losses import (
    MAE,
    MSE,
    BCEWithLogits,
    CrossEntropy,
    Focal,
    Hinge,
    Huber,
    LogCosh,
    MeanLoss,
    Poisson,
    Quantile,
    SmoothL1,
    SquaredHinge,
)
from fusegrad.losses.checks import check_pair


def weighted(loss):
    """The loss with positive weights made of its last input."""
    return lambda x, target, weight: loss(x, target, weight**2)


def probable(loss):
    """The loss with targets between 0 and 1."""
    return lambda x, target: loss(x, Sigmoid()(target))


def positive(loss):
    """The loss with predictions and targets above 0."""
    return lambda x, target: loss(x * x + 0.5, target * target)


def labels(*shape):
    return Spec(shape, "int64")


def pair(loss):
    """By predictions and by targets."""
    return loss, [(4, 5), (4, 5)], [0, 1]


CASES = {
    "mse": (MSE(), [(4, 5), (4, 5)], [0, 1]),
    "mse-1d": (MSE(), [(7,), (7,)], [0, 1]),
    "mse-3d": (MSE(), [(2, 3, 4), (2, 3, 4)], [0, 1]),
    "mse-weighted": (MSE(), [(4, 5), (4, 5), (4,)], [0, 1]),
    "mse-3d-weighted": (weighted(MSE()), [(2, 3, 4), (2, 3, 4), (2,)], [0, 1]),
    "mse-target": (MSE(), [(4, 5), (4, 5), (4,)], [1]),
    "mae": pair(MAE()),
    "huber": pair(Huber(0.7)),
    "smooth-l1": pair(SmoothL1(0.7)),
    "log-cosh": pair(LogCosh()),
    "quantile": pair(Quantile(0.9)),
    "poisson": pair(Poisson()),
    "poisson-of-rates": pair(positive(Poisson(log_input=False))),
    "hinge": pair(Hinge()),
    "squared-hinge": pair(SquaredHinge()),
    "squared-hinge-weighted": (weighted(SquaredHinge()), [(4, 5), (4, 5), (4,)], [0]),
    "own": pair(MeanLoss(lambda x, t: expr.log(1 + (x - t) ** 2))),
    "own-arguments-swapped": pair(MeanLoss(lambda target, x: expr.exp(target) * x)),
    "focal": pair(Focal()),
    "focal-gamma-0": pair(probable(Focal(gamma=0))),
    "focal-gamma-half": pair(probable(Focal(gamma=0.5))),
    "focal-gamma-3-unbalanced": pair(probable(Focal(gamma=3, alpha=None))),
    "bce": pair(BCEWithLogits()),
    "bce-pos-weight": pair(BCEWithLogits(pos_weight=3.0)),
    "bce-smoothed": pair(BCEWithLogits(label_smoothing=0.1)),
    "bce-smoothed-pos-weight": pair(BCEWithLogits(pos_weight=3.0, label_smoothing=0.1)),
    "bce-1d": (BCEWithLogits(), [(7,), (7,)], [0]),
    "bce-3d": (BCEWithLogits(), [(2, 3, 4), (2, 3, 4)], [0]),
    "bce-weighted": (weighted(BCEWithLogits()), [(4, 5), (4, 5), (4,)], [0]),
    "labels": (CrossEntropy(), [(4, 5), labels(4)], [0]),
    "labels-int32": (CrossEntropy(), [(4, 5), Spec((4,), "int32")], [0]),
    "labels-two-classes": (CrossEntropy(), [(1, 2), labels(1)], [0]),
    "labels-3d": (CrossEntropy(), [(2, 3, 5), labels(2, 3)], [0]),
    "labels-weighted": (weighted(CrossEntropy()), [(4, 5), labels(4), (4,)], [0]),
    "labels-class-weights": (CrossEntropy([1, 2, 3, 4, 0.5]), [(4, 5), labels(4)], [0]),
    "labels-3d-class-weights": (CrossEntropy([1, 2, 0.3]), [(2, 4, 3), labels(2, 4)], [0]),
    "labels-both": (weighted(CrossEntropy([1, 2, 3, 4, 0.5])), [(4, 5), labels(4), (4,)], [0]),
    "labels-smoothed": (CrossEntropy(label_smoothing=0.2), [(4, 5), labels(4)], [0]),
    "labels-3d-smoothed": (CrossEntropy(label_smoothing=0.2), [(2, 3, 5), labels(2, 3)], [0]),
    "labels-smoothed-class-weights": (CrossEntropy([1, 2, 0, 4], label_smoothing=0.2), [(6, 4), labels(6)], [0]),
    "labels-smoothed-both": (weighted(CrossEntropy([1, 2, 3], label_smoothing=0.2)), [(4, 3), labels(4), (4,)], [0]),
    "soft-smoothed": (CrossEntropy([1, 2, 3, 4, 0.5], label_smoothing=0.2), [(4, 5), (4, 5)], [0]),
    "soft": (CrossEntropy(), [(4, 5), (4, 5)], [0]),
    "soft-3d": (CrossEntropy(), [(2, 3, 5), (2, 3, 5)], [0]),
    "soft-weighted": (weighted(CrossEntropy()), [(4, 5), (4, 5), (4,)], [0]),
    "soft-class-weights": (CrossEntropy([1, 2, 3, 4, 0.5]), [(4, 5), (4, 5)], [0]),
    "soft-both": (weighted(CrossEntropy([1, 2, 0.5])), [(4, 3), (4, 3), (4,)], [0]),
}


@pytest.mark.parametrize(("loss", "specs", "wrt"), CASES.values(), ids=CASES)
def test_gradients_agree_with_finite_differences(loss, specs, wrt):
    check_gradients(loss, *specs, wrt=wrt)


def test_every_loss_is_checked():
    checked = {type(loss) for loss, _, _ in CASES.values()}
    assert [name for name in losses.__all__ if getattr(losses, name) not in checked] == []


class SumOfSquares(Layer):
    """MSE whose gradient forgets to divide by the number of elements."""

    def plan(self, x: Spec, target: Spec):
        return Arrays({"y": check_pair(self, x, target, None)})

    def forward(self, x, target, y):
        y[...] = ((x - target) ** 2).mean()

    def backward(self, x, target, dy, dx):
        np.multiply(x - target, 2 * dy, out=dx)


def test_a_planted_wrong_gradient_is_caught():
    with pytest.raises(GradientError, match="SumOfSquares"):
        check_gradients(SumOfSquares(), (4, 5), (4, 5), wrt=[0])
