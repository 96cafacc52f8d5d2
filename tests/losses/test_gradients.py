"""Every loss against finite differences in float64."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad import losses
from fusegrad.graph import GradientError, Layer, Spec, check_gradients
from fusegrad.losses import MSE, BCEWithLogits, CrossEntropy
from fusegrad.losses.checks import check_pair


def weighted(loss):
    """The loss with positive weights made of its last input."""
    return lambda x, target, weight: loss(x, target, weight**2)


def labels(*shape):
    return Spec(shape, "int64")


CASES = {
    "mse": (MSE(), [(4, 5), (4, 5)], [0, 1]),
    "mse-1d": (MSE(), [(7,), (7,)], [0, 1]),
    "mse-3d": (MSE(), [(2, 3, 4), (2, 3, 4)], [0, 1]),
    "mse-weighted": (MSE(), [(4, 5), (4, 5), (4,)], [0, 1]),
    "mse-3d-weighted": (weighted(MSE()), [(2, 3, 4), (2, 3, 4), (2,)], [0, 1]),
    "mse-target": (MSE(), [(4, 5), (4, 5), (4,)], [1]),
    "bce": (BCEWithLogits(), [(4, 5), (4, 5)], [0]),
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
        return check_pair(self, x, target, None)

    def forward(self, x, target, y):
        y[...] = ((x - target) ** 2).mean()

    def backward(self, x, target, dy, dx):
        np.multiply(x - target, 2 * dy, out=dx)


def test_a_planted_wrong_gradient_is_caught():
    with pytest.raises(GradientError, match="SumOfSquares"):
        check_gradients(SumOfSquares(), (4, 5), (4, 5), wrt=[0])
