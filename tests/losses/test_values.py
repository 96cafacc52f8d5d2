"""Losses in closed form; with class weights, PyTorch's definitions."""

from __future__ import annotations

import numpy as np
import pytest
from losses.evaluating import value, value_and_gradient

from fusegrad import expr, losses, to_numpy
from fusegrad.graph import Input, ParamArena, Program, Spec
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

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(6, 4))
TARGET = GENERATOR.random((6, 4))
LABELS = np.array([0, 3, 1, 1, 2, 0])
WEIGHT = np.array([1, 2, 0, 0.5, 1, 3])
CLASS_WEIGHT = [1.0, 2.0, 0.25, 4.0]
LOG_P = X - np.log(np.exp(X).sum(1, keepdims=True))
P = 1 / (1 + np.exp(-X))
SIGN = np.where(TARGET < 0.5, -1.0, 1.0)
ENTROPY = -(TARGET * np.log(P) + (1 - TARGET) * np.log(1 - P))


def test_cross_entropy_by_hand():
    x = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    assert value(CrossEntropy(), x, np.array([0, 2])) == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2, rel=1e-14)
    assert value(CrossEntropy(), np.zeros((5, 7)), np.arange(5)) == pytest.approx(np.log(7), rel=1e-14)


def test_cross_entropy_does_not_change_when_logits_shift():
    expected = value(CrossEntropy(), X, LABELS)
    assert value(CrossEntropy(), X + 100, LABELS) == pytest.approx(expected, rel=1e-12)


def test_soft_targets_of_one_class_are_labels():
    one_hot = np.eye(4)[LABELS]
    assert value(CrossEntropy(), X, one_hot) == pytest.approx(value(CrossEntropy(), X, LABELS), rel=1e-14)


def test_time_steps_are_rows():
    rows = value(CrossEntropy(), X, LABELS)
    assert value(CrossEntropy(), X.reshape(2, 3, 4), LABELS.reshape(2, 3)) == pytest.approx(rows, rel=1e-14)


@pytest.mark.parametrize("target", [Spec((8,), "int64"), Spec((8, 100))], ids=str)
def test_cross_entropy_keeps_two_numbers_of_a_row(target):
    saved = CrossEntropy(label_smoothing=0.1).plan(Spec((8, 100), "bfloat16"), target).saved
    assert list(saved.values()) == [Spec((8,), "float32")] * 2


HALF_LOGITS = {
    "labels": (CrossEntropy(), [LABELS]),
    "labels-weighted": (
        CrossEntropy(CLASS_WEIGHT, ignore_index=-1),
        [LABELS - (LABELS == 0), WEIGHT.astype("float32")],
    ),
    "labels-smoothed": (CrossEntropy(CLASS_WEIGHT, label_smoothing=0.2), [LABELS]),
    "soft": (CrossEntropy(CLASS_WEIGHT), [TARGET.astype("float32"), WEIGHT.astype("float16")]),
}


@pytest.mark.parametrize("name", HALF_LOGITS)
@pytest.mark.parametrize("backend", ["cpu", "emulated"])
def test_logits_of_half_precision_lose_none_in_the_loss(name, backend):
    loss, given = HALF_LOGITS[name]
    arrays = [X.astype("float16"), *given]
    values = [Input(array.shape, str(array.dtype)) for array in arrays]
    y = loss(*values)
    program = Program(values, y, ParamArena([], precision="float32", backend=backend), gradients_of=values[:1])
    exact = [array if array.dtype == "int64" else array.astype("float64") for array in arrays]
    expected, gradient = value_and_gradient(loss, *exact)
    assert y.dtype == "float32"
    assert float(program.forward(*arrays)) == pytest.approx(expected, rel=8 * 2.0**-23)
    program.backward()
    found = to_numpy(program.gradient(values[0]))
    assert found.dtype == "float16"
    np.testing.assert_allclose(found, gradient, rtol=0, atol=8 * 2.0**-10 * np.abs(gradient).max())


FORMULAS = {
    "mse": (MSE(), [X, TARGET], np.mean((X - TARGET) ** 2)),
    "mse-weighted": (MSE(), [X, TARGET, WEIGHT], ((X - TARGET) ** 2).mean(1) @ WEIGHT / WEIGHT.sum()),
    "mae": (MAE(), [X, TARGET], np.mean(abs(X - TARGET))),
    "mae-weighted": (MAE(), [X, TARGET, WEIGHT], abs(X - TARGET).mean(1) @ WEIGHT / WEIGHT.sum()),
    "log-cosh": (LogCosh(), [X, TARGET], np.mean(np.log(np.cosh(X - TARGET)))),
    "quantile": (Quantile(0.9), [X, TARGET], np.mean(np.where(X < TARGET, 0.9 * (TARGET - X), 0.1 * (X - TARGET)))),
    "poisson": (Poisson(), [X, TARGET], np.mean(np.exp(X) - TARGET * X)),
    "hinge": (Hinge(), [X, SIGN], np.mean(np.maximum(0, 1 - SIGN * X))),
    "squared-hinge": (SquaredHinge(), [X, SIGN], np.mean(np.maximum(0, 1 - SIGN * X) ** 2)),
    "own": (MeanLoss(lambda x, t: expr.log(1 + (x - t) ** 2)), [X, TARGET], np.mean(np.log1p((X - TARGET) ** 2))),
    "focal": (
        Focal(gamma=3, alpha=0.2),
        [X, (SIGN + 1) / 2],
        -np.mean(np.where(SIGN > 0, 0.2 * (1 - P) ** 3 * np.log(P), 0.8 * P**3 * np.log(1 - P))),
    ),
    "focal-without-focus": (Focal(gamma=0, alpha=None), [X, TARGET], ENTROPY.mean()),
    "bce": (BCEWithLogits(), [X, TARGET], ENTROPY.mean()),
    "bce-smoothed": (
        BCEWithLogits(label_smoothing=0.2),
        [X, (SIGN + 1) / 2],
        -np.mean(np.where(SIGN > 0, 0.9, 0.1) * np.log(P) + np.where(SIGN > 0, 0.1, 0.9) * np.log(1 - P)),
    ),
    "labels-weighted": (
        CrossEntropy(),
        [X, LABELS, WEIGHT],
        -(WEIGHT @ LOG_P[np.arange(6), LABELS]) / WEIGHT.sum(),
    ),
    "labels-class-weights": (
        CrossEntropy(CLASS_WEIGHT),
        [X, LABELS],
        -sum(CLASS_WEIGHT[c] * LOG_P[i, c] for i, c in enumerate(LABELS)) / sum(CLASS_WEIGHT[c] for c in LABELS),
    ),
    "soft-class-weights": (CrossEntropy(CLASS_WEIGHT), [X, TARGET], -(TARGET * LOG_P * CLASS_WEIGHT).sum() / 6),
    "soft-weighted": (CrossEntropy(), [X, TARGET, WEIGHT], -(WEIGHT @ (TARGET * LOG_P).sum(1)) / WEIGHT.sum()),
}


@pytest.mark.parametrize(("loss", "arrays", "expected"), FORMULAS.values(), ids=FORMULAS)
def test_formula(loss, arrays, expected):
    assert value(loss, *arrays) == pytest.approx(expected, rel=1e-12)


def test_huber_on_both_sides_of_its_delta():
    x = np.array([1.0, -1.5, 2.5, -4.5])
    assert value(Huber(2), x, 0 * x) == (0.5 + 1.125 + 3 + 7) / 4
    assert value(SmoothL1(2), x, 0 * x) == value(Huber(2), x, 0 * x) / 2
    assert value_and_gradient(Huber(2), x, 0 * x)[1].tolist() == [0.25, -0.375, 0.5, -0.5]


def test_a_quantile_is_where_its_loss_is_least():
    y = np.random.default_rng(0).exponential(size=(99, 1))
    costs = [value(Quantile(0.8), np.full_like(y, guess), y) for guess in np.sort(y[:, 0])]
    assert abs(int(np.argmin(costs)) - 0.8 * 99) <= 1


AT_KINKS = [
    (MAE(), 1.5, 1.5, 0),
    (Quantile(0.9), 1.5, 1.5, 0),
    (Hinge(), -0.5, -2, 0),
    (SquaredHinge(), -0.5, -2, 0),
    (Huber(2), 3.5, 1.5, 2),
    (Huber(2), -0.5, 1.5, -2),
]


@pytest.mark.parametrize(("loss", "x", "target", "slope"), AT_KINKS)
def test_the_derivative_at_a_kink(loss, x, target, slope):
    assert value_and_gradient(loss, np.array([x]), np.array([float(target)]))[1].tolist() == [slope]


def test_smoothing_of_labels_is_smoothing_of_their_one_hot_rows():
    smooth = CrossEntropy(label_smoothing=0.3)
    expected = value_and_gradient(CrossEntropy(), X, 0.7 * np.eye(4)[LABELS] + 0.3 / 4)
    for target in (LABELS, np.eye(4)[LABELS]):
        got = value_and_gradient(smooth, X, target)
        np.testing.assert_allclose(got[0], expected[0], rtol=1e-14)
        np.testing.assert_allclose(got[1], expected[1], rtol=1e-12)


def test_labels_whose_classes_weigh_nothing_cost_nothing():
    for loss in (CrossEntropy([0, 1, 1, 1]), CrossEntropy([0, 1, 1, 1], label_smoothing=0.3)):
        for arrays in ([X, 0 * LABELS], [X, 0 * LABELS, WEIGHT]):
            y, gradient = value_and_gradient(loss, *arrays)
            assert y == 0
            assert not gradient.any()


def built(name):
    return getattr(losses, name)(*{"Quantile": [0.9], "MeanLoss": [lambda x, t: (x - t) ** 4]}.get(name, []))


@pytest.mark.parametrize(
    "loss", [*map(built, losses.__all__), CrossEntropy([1, 2, 3, 4], label_smoothing=0.1)], ids=str
)
def test_a_sample_of_weight_zero_is_as_if_it_were_not_there(loss):
    arrays = [X, LABELS if isinstance(loss, CrossEntropy) else TARGET]
    weight = np.array([1, 1, 1, 1, 0, 0.0])
    y, gradient = value_and_gradient(loss, *arrays, weight)
    expected, slopes = value_and_gradient(loss, *(a[:4] for a in arrays))
    assert y == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(gradient, [*slopes, *np.zeros((2, 4))], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("logit", [-1000, -80, 80, 1000])
def test_bce_of_huge_logits_is_finite(dtype, logit):
    x = np.full((2, 1), logit, dtype)
    assert value(BCEWithLogits(), x, np.zeros_like(x), dtype=dtype) == pytest.approx(max(logit, 0), abs=1e-30)
    assert value(BCEWithLogits(), x, np.ones_like(x), dtype=dtype) == pytest.approx(max(-logit, 0), abs=1e-30)
