"""Metrics against hand-made numbers and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.metrics import MAE, METRICS, R2, Accuracy, TopK, named

generator = np.random.default_rng(0)
LOGITS = generator.normal(size=(50, 6)).astype("float32")
LABELS = generator.integers(0, 6, 50)
VALUES = generator.normal(size=(50, 3)).astype("float32") + 100
GUESSES = VALUES + generator.normal(size=(50, 3)).astype("float32")
WEIGHT = generator.uniform(0, 2, 50)


def in_batches(metric, prediction, target, weight=None):
    metric.reset()
    for rows in filter(len, np.split(np.arange(len(target)), [1, 8, 30])):
        metric.update(prediction[rows], target[rows], None if weight is None else weight[rows])
    return metric.result()


def test_accuracy_of_labels_and_of_distributions():
    logits = np.array([[1.0, 2.0, 0.0], [5.0, 4.0, 3.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    labels = np.array([1, 0, 0, 2])
    assert in_batches(Accuracy(), logits, labels) == 0.5
    assert in_batches(Accuracy(), logits, np.eye(3)[labels]) == 0.5
    assert in_batches(Accuracy(), logits, labels, np.array([3.0, 0, 1, 0])) == 0.75


def test_accuracy_of_sequences_counts_every_position():
    logits = np.zeros((2, 3, 4))
    logits[..., 1] = 1
    assert in_batches(Accuracy(), logits, np.array([[1, 1, 0], [1, 1, 1]])) == pytest.approx(5 / 6)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("target_shape", [(4,), (4, 1)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_accuracy_of_single_logits_is_their_sign(shape, target_shape, dtype):
    logits = np.array([0.1, -2.0, 3.0, 0.0]).reshape(shape)  # 0 is not above the threshold
    assert in_batches(Accuracy(), logits, np.array([1, 0, 0, 1], dtype).reshape(target_shape)) == 0.5


def test_single_logits_of_sequences_and_their_weights():
    logits = np.array([[[1.0], [-1.0], [2.0]], [[-1.0], [-2.0], [3.0]]])
    answers = np.array([[1, 0, 1], [1, 0, 0]])
    for target in (answers, answers[..., None]):
        assert in_batches(Accuracy(), logits, target) == pytest.approx(4 / 6)
        assert in_batches(Accuracy(), logits, target, np.array([3.0, 1.0])) == pytest.approx((3 + 1 / 3) / 4)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_top_k_agrees_with_scikit_learn(k, weight):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is what is compared with")
    expected = metrics.top_k_accuracy_score(LABELS, LOGITS, k=k, sample_weight=weight, labels=range(6))
    assert in_batches(TopK(k), LOGITS, LABELS, weight) == pytest.approx(expected, rel=1e-12)


def test_neither_ties_nor_nan_are_hits():
    flat = np.zeros((2, 3))
    assert in_batches(TopK(1), flat, np.array([0, 1])) == 0
    assert in_batches(TopK(2), flat + np.nan, np.array([0, 1])) == 0


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_regression_agrees_with_scikit_learn(weight):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is what is compared with")
    exact = VALUES.astype("float64"), GUESSES.astype("float64")
    r2 = metrics.r2_score(*exact, sample_weight=weight)
    mae = metrics.mean_absolute_error(*exact, sample_weight=weight)
    assert in_batches(R2(), GUESSES, VALUES, weight) == pytest.approx(r2, rel=1e-12)
    assert in_batches(MAE(), GUESSES, VALUES, weight) == pytest.approx(mae, rel=1e-12)


def test_r2_does_not_cancel_far_from_zero():
    target = np.array([[1e8], [1e8 + 1], [1e8 + 2], [1e8 + 3]])
    assert in_batches(R2(), target + 0.5, target) == pytest.approx(1 - 4 * 0.25 / 5, rel=1e-12)


def test_r2_of_a_constant_target_is_that_of_scikit_learn():
    constant = np.ones((4, 1))
    assert in_batches(R2(), constant, constant) == 1.0
    assert in_batches(R2(), constant * 2, constant) == 0.0


def test_samples_of_weight_0_change_nothing():
    weight = np.where(np.arange(50) < 8, 0.0, 1.0)  # the first batches have no weight at all
    for metric, prediction, target in [(R2(), GUESSES, VALUES), (MAE(), GUESSES, VALUES), (Accuracy(), LOGITS, LABELS)]:
        assert in_batches(metric, prediction, target, weight) == pytest.approx(
            in_batches(metric, prediction[8:], target[8:]), rel=1e-12
        )


@pytest.mark.parametrize("name", METRICS)
def test_sums_survive_being_stored_exactly(name):
    metric, other = named(name), named(name)
    regression = name in ("mae", "r2")
    prediction, target = (GUESSES, VALUES) if regression else (LOGITS, LABELS)
    metric.update(prediction[:20], target[:20], WEIGHT[:20])
    other.restore(metric.state())
    for one in (metric, other):
        one.update(prediction[20:], target[20:], WEIGHT[20:])
    assert metric.result() == other.result() and metric.name == name


@pytest.mark.parametrize("name", METRICS)
def test_before_the_first_sample_there_is_no_result(name):
    assert np.isnan(named(name).result())


@pytest.mark.parametrize("name", METRICS)
def test_samples_of_weight_0_alone_have_no_result(name):
    metric = named(name)
    prediction, target = (GUESSES, VALUES) if name in ("mae", "r2") else (LOGITS, LABELS)
    metric.update(prediction, target, np.zeros(len(target)))
    assert np.isnan(metric.result())


def test_faults_are_named():
    with pytest.raises(ValueError, match='unknown metric "acuracy"; perhaps'):
        named("acuracy")
    with pytest.raises(ValueError, match="k of at least 1, got 0"):
        TopK(0)
    with pytest.raises(ValueError, match=r"MAE.* shape \(50, 3\), got \(50,\)"):
        MAE().update(VALUES, VALUES[:, 0])
    with pytest.raises(ValueError, match=r"R2.* shape \(50,\), got \(50, 1\)"):
        R2().update(VALUES[:, 0], VALUES[:, :1])
    with pytest.raises(ValueError, match=r"Accuracy.* labels or distributions for logits \(50, 6\)"):
        Accuracy().update(LOGITS, LABELS[:10])
    with pytest.raises(ValueError, match=r"got \(50,\) float32"):
        Accuracy().update(LOGITS, LABELS.astype("float32"))
    for shape in [(3, 2), (6,), (2, 2)]:
        with pytest.raises(ValueError, match=r"Accuracy.* shape \(2, 3, 1\), got"):
            Accuracy().update(np.zeros((2, 3, 1)), np.zeros(shape))
    with pytest.raises(ValueError, match=r"got the class MAE; pass MAE\(\)"):
        named(MAE)
