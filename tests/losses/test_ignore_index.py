"""Rows with the label that is ignored do not count, in any form of the loss."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.losses import CrossEntropy

ROWS, CLASSES = 7, 5
LOGITS = np.random.default_rng(0).normal(size=(ROWS, CLASSES))
LABELS = np.array([0, -100, 4, 2, -100, 1, 3])
COUNTED = LABELS != -100
OPTIONS = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "class weights": {"class_weight": [1.0, 2.0, 0.5, 1.0, 3.0]},
    "both": {"label_smoothing": 0.1, "class_weight": [1.0, 2.0, 0.5, 1.0, 3.0]},
}


def loss_and_gradient(loss, logits, labels, weight=None, dtype="float64"):
    x, target = Input(logits.shape, dtype), Input(labels.shape, str(labels.dtype))
    given = [] if weight is None else [Input((len(labels),), dtype)]
    program = Program([x, target, *given], loss(x, target, *given), ParamArena([], precision=dtype), gradients_of=[x])
    arrays = logits.astype(dtype), labels, *([] if weight is None else [weight.astype(dtype)])
    value = float(program.forward(*arrays))
    program.backward()
    return value, program.gradient(x)


@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 2, ROWS)], ids=["even", "weighted"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_it_is_the_loss_of_the_other_rows(options, weight):
    value, gradient = loss_and_gradient(CrossEntropy(**options, ignore_index=-100), LOGITS, LABELS, weight)
    kept = None if weight is None else weight[COUNTED]
    expected, slope = loss_and_gradient(CrossEntropy(**options), LOGITS[COUNTED], LABELS[COUNTED], kept)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient[COUNTED], slope, rtol=1e-12, atol=1e-15)
    assert not gradient[~COUNTED].any()


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_it_is_pytorchs(options):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    value, gradient = loss_and_gradient(CrossEntropy(**options, ignore_index=-100), LOGITS, LABELS)
    x, weight = torch.tensor(LOGITS, requires_grad=True), options.get("class_weight")
    expected = torch.nn.functional.cross_entropy(
        x,
        torch.tensor(LABELS),
        weight=None if weight is None else torch.tensor(weight, dtype=torch.float64),
        label_smoothing=options.get("label_smoothing", 0.0),
    )
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("evaluator", ["numpy", "numba"])
def test_in_float32_by_both_evaluators(evaluator, monkeypatch, tmp_path):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="the evaluator numba needs Numba")
    monkeypatch.setenv("FUSEGRAD_EVALUATOR", evaluator)
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))
    loss = CrossEntropy(ignore_index=-100)
    value, gradient = loss_and_gradient(loss, LOGITS, LABELS, dtype="float32")
    expected, slope = loss_and_gradient(loss, LOGITS, LABELS)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-7)


def test_a_batch_of_nothing_else_costs_nothing():
    value, gradient = loss_and_gradient(CrossEntropy(ignore_index=-100), LOGITS, np.full(ROWS, -100))
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("evaluator", ["numpy", "numba"])
@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 2, ROWS)], ids=["even", "weighted"])
@pytest.mark.parametrize("label", [-100, 0])
def test_a_class_that_is_ruled_out_costs_nothing_where_no_label_counts(evaluator, weight, label, monkeypatch, tmp_path):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="the evaluator numba needs Numba")
    monkeypatch.setenv("FUSEGRAD_EVALUATOR", evaluator)
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))
    logits, labels = LOGITS.copy(), np.where(COUNTED, label, -100)
    logits[~COUNTED, 0] = -np.inf
    value, gradient = loss_and_gradient(CrossEntropy(ignore_index=-100), logits, labels, weight, dtype="float32")
    counted = COUNTED & (labels != -100)
    kept = None if weight is None else weight[counted]
    expected = loss_and_gradient(CrossEntropy(), LOGITS[counted], labels[counted], kept)[0] if counted.any() else 0.0
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert not gradient[~counted].any()


@pytest.mark.parametrize("wrong", [-1, CLASSES, -99])
def test_other_labels_out_of_range_are_refused(wrong):
    labels = LABELS.copy()
    labels[2] = wrong
    with pytest.raises(GraphError, match=rf"expects integers in 0 .. {CLASSES}-1, got {wrong}"):
        loss_and_gradient(CrossEntropy(ignore_index=-100), LOGITS, labels)


def test_it_is_a_whole_number():
    with pytest.raises(GraphError, match=r"CrossEntropy expects ignore_index to be a whole number, got 0\.5"):
        CrossEntropy(ignore_index=0.5)
