"""Losses in closed form; with class weights, PyTorch's definitions."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.graph import Input, ParamArena, Program
from fusegrad.losses import MSE, BCEWithLogits, CrossEntropy

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(6, 4))
TARGET = GENERATOR.random((6, 4))
LABELS = np.array([0, 3, 1, 1, 2, 0])
WEIGHT = np.array([1, 2, 0, 0.5, 1, 3])
CLASS_WEIGHT = [1.0, 2.0, 0.25, 4.0]
LOG_P = X - np.log(np.exp(X).sum(1, keepdims=True))


def value(loss, *arrays, dtype="float64"):
    values = [Input(array.shape, str(array.dtype)) for array in arrays]
    return float(Program(values, loss(*values), ParamArena([], dtype=dtype)).forward(*arrays))


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


FORMULAS = {
    "mse": (MSE(), [X, TARGET], np.mean((X - TARGET) ** 2)),
    "mse-weighted": (MSE(), [X, TARGET, WEIGHT], ((X - TARGET) ** 2).mean(1) @ WEIGHT / WEIGHT.sum()),
    "bce": (
        BCEWithLogits(),
        [X, TARGET],
        -np.mean(TARGET * np.log(1 / (1 + np.exp(-X))) + (1 - TARGET) * np.log(1 - 1 / (1 + np.exp(-X)))),
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


@pytest.mark.parametrize("loss", [MSE(), BCEWithLogits(), CrossEntropy()], ids=str)
def test_a_sample_of_weight_zero_is_as_if_it_were_not_there(loss):
    arrays = [X, LABELS if isinstance(loss, CrossEntropy) else TARGET]
    weight = np.array([1, 1, 1, 1, 0, 0.0])
    assert value(loss, *arrays, weight) == pytest.approx(value(loss, *(a[:4] for a in arrays)), rel=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("logit", [-1000, -80, 80, 1000])
def test_bce_of_huge_logits_is_finite(dtype, logit):
    x = np.full((2, 1), logit, dtype)
    assert value(BCEWithLogits(), x, np.zeros_like(x), dtype=dtype) == pytest.approx(max(logit, 0), abs=1e-30)
    assert value(BCEWithLogits(), x, np.ones_like(x), dtype=dtype) == pytest.approx(max(-logit, 0), abs=1e-30)
