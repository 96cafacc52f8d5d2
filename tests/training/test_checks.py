"""Every mistake in the data or arguments is one clear error, and nothing has changed after it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from training.cases import Pair, TwoHeads, blobs, classifier, linear

from fusegrad import layers, losses, optimizers
from fusegrad.metrics import Accuracy
from fusegrad.training import Callback, Trainer

x, y = blobs()


def with_entry(array, row, value, dtype="float64"):
    changed = np.array(array, dtype)
    changed.reshape(len(changed), -1)[row, 0] = value
    return changed


NOT_FINITE = "expects finite float32 numbers, got NaN or infinity, first in row"
FAULTS = {
    "no rows": (x[:0], y[:0], {}, "x expects at least one sample, got shape (0, 5)"),
    "no columns": (x[:, :0], y, {}, "x expects extents of at least 1, got shape (70, 0)"),
    "no arrays": ({}, y, {}, "x expects at least one array, got none"),
    "a number": (3.0, y, {}, "x expects an array with one row per sample, got a single float"),
    "lengths": (x, y[:60], {}, "y expects 70 rows, as many as x, got 60"),
    "length of one input": ((x, x[:3]), y, {}, "x[1] expects 70 rows, as many as x[0], got 3"),
    "NaN": (with_entry(x, 13, np.nan), y, {}, f"x {NOT_FINITE} 13"),
    "infinity": (with_entry(x, 0, -np.inf), y, {}, f"x {NOT_FINITE} 0"),
    "too large": (with_entry(x, 5, 1e39), y, {}, f"x {NOT_FINITE} 5"),
    "NaN in y": (x, with_entry(np.eye(3)[y], 4, np.nan), {}, f"y {NOT_FINITE} 4"),
    "objects": (x.astype(object), y, {}, "x expects numbers, got dtype object"),
    "strings": (x, y.astype(str), {}, "y expects numbers, got dtype <U21"),
    "ragged": ([[1.0, 2.0], [3.0]], y, {}, "x expects an array, got list"),
    "high label": (x, with_entry(y, 60, 3, "int64"), {}, "y expects integers in 0 .. 3-1, got 3, in rows 32 .. 63"),
    "negative label": (x, with_entry(y, 61, -1, "int64"), {}, "integers in 0 .. 3-1, got -1, in rows 32 .. 63"),
    "batch_size": (x, y, {"batch_size": 0}, "batch_size expects at least 1, got 0"),
    "fraction": (x, y, {"batch_size": 8.0}, "batch_size expects an integer, got 8.0"),
    "epochs": (x, y, {"epochs": -1}, "epochs expects at least 0, got -1"),
    "accumulate": (x, y, {"accumulate": 0}, "accumulate expects at least 1, got 0"),
    "drop_last": (x, y, {"drop_last": True, "batch_size": 71}, "drop_last leaves no batch of 71 in 70 rows"),
    "shape of weights": (x, y, {"sample_weight": np.ones((70, 1))}, "sample_weight expects shape (70,), one for each"),
    "negative weight": (x, y, {"sample_weight": with_entry(np.ones(70), 9, -2)}, "of at least 0, got -2.0 in row 9"),
    "NaN weight": (x, y, {"sample_weight": with_entry(np.ones(70), 8, np.nan)}, "sample_weight expects finite"),
    "no y": (x, None, {}, "y is missing: without it, x expects an iterable of batches, got ndarray"),
    "no y in batches": ([x, x], None, {}, "batch 0 expects (x, y) or (x, y, weight), got ndarray; is y missing?"),
    "weights of batches": ([(x, y)], None, {"sample_weight": np.ones(70)}, "batches bring their own: (x, y, weight)"),
    "no batches": ([], None, {}, "x expects at least one batch, got none in epoch"),
    "NaN in a batch": ([(with_entry(x, 2, np.nan), y)], None, {}, "batch 0: x expects finite float32"),
    "label in a batch": ([(x, y + 1)], None, {}, "y expects integers in 0 .. "),
    "validation": (x, y, {"validation": (x,)}, "validation expects (x, y) or (x, y, weight), got a tuple of 1"),
    "validation labels": (x, y, {"validation": (x, y + 2)}, "y expects integers in 0 .. 3-1, got 4"),
    "validation NaN": (x, y, {"validation": (with_entry(x, 1, np.nan), y)}, "x expects finite float32 numbers"),
    "width of validation": (x, y, {"validation": (x[:, :4], y)}, "x was (batch, 5) float32 in the first batch"),
    "shape of y": (x, y[:, None], {}, "expects integer labels of shape (32,), got (32, 1) int64"),
    "label in a dropped row": (
        x, with_entry(y, 69, 3, "int64"), {"drop_last": True}, "y expects integers in 0 .. 3-1, got 3, in rows 38 .. 69"
    ),
    "soft targets": (x, np.eye(3)[y] * 2, {}, "y expects distributions (or integer labels), numbers of at least 0"),
    "validation without y": (x, y, {"validation": (x, None)}, "validation expects (x, y) or (x, y, weight), got y = N"),
    "share of validation": (x, y, {"validation": 0.2}, "validation expects (x, y) or (x, y, weight) or an iterable"),
    "weights in a dict": (x, y, {"sample_weight": {"y": np.ones(70)}}, "sample_weight expects one array, got a dict"),
    "weights in a tuple": (x, y, {"sample_weight": (np.ones(70),)}, "sample_weight expects one array, got a tuple"),
    "float labels": (x, y * 1.0, {}, "got (32,) float32; or integer labels: y.astype(int)"),
    "one-hot labels": (x, np.eye(3, dtype=int)[y], {}, "(32, 3) int64; one-hot targets must be floating point"),
    "number of inputs": ((x, x), y, {}, "expects inputs (x: "),
    "name of an input": ({"image": x}, y, {}, "got [\"x['image']\"]"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_first_fit(name):
    data, targets, options, message = FAULTS[name]
    trainer = classifier()
    with pytest.raises(ValueError, match=re.escape(message)):
        trainer.fit(data, targets, **options)
    assert trainer.history.epochs == []
    if name != "label in a batch":  # which a program finds, that is there for the width of this batch
        trainer.fit(x[:, :3], y)  # another width: the failed fit settled nothing that stays


SEEN_BY_COMPARISON = {
    "shape of y",
    "float labels",
    "one-hot labels",
    "number of inputs",
    "name of an input",
}  # other messages once there was a batch


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in SEEN_BY_COMPARISON])
def test_a_fault_in_a_later_fit_changes_no_parameter(name):
    data, targets, options, message = FAULTS[name]
    trainer = classifier()
    trainer.fit(x, y)
    before = trainer.arena.value.copy()
    with pytest.raises(ValueError, match=re.escape(message)):
        trainer.fit(data, targets, **options)
    assert np.array_equal(trainer.arena.value, before)


LATER = {
    "rank": (x[:, :, None], y, "x expects (batch, 5) float32 as in the first batch, got (32, 5, 1) float32"),
    "width": (x[:, :4], y, "x was (batch, 5) float32 in the first batch, now (32, 4) float32"),
    "integers": (x.astype(int), y, "x expects (batch, 5) float32 as in the first batch, got (32, 5) int64"),
    "several inputs": ((x, x), y, "after the first batch, x expects ['x'], got ['x[0]', 'x[1]']"),
}


@pytest.mark.parametrize("name", LATER)
def test_data_of_another_kind_than_the_first(name):
    data, targets, message = LATER[name]
    trainer = classifier()
    trainer.fit(x, y)
    before = trainer.arena.value.copy()
    for call in (trainer.fit, trainer.evaluate):
        with pytest.raises(ValueError, match=re.escape(message)):
            call(data, targets)
    with pytest.raises(ValueError, match=re.escape(message.replace("(32,", "(70,"))):
        trainer.step(data, targets)
    assert np.array_equal(trainer.arena.value, before)


def test_predict_checks_its_rows_too():
    trainer = classifier()
    with pytest.raises(ValueError, match="x expects finite"):
        trainer.predict(with_entry(x, 3, np.nan))
    trainer.fit(x, y)
    with pytest.raises(ValueError, match=re.escape("x was (batch, 5) float32 in the first batch")):
        trainer.predict(x[:, :4])


def make(loss=None, metrics=(), model=None, **options):
    return Trainer(model or layers.Linear(3), loss or losses.CrossEntropy(), optimizers.SGD(), metrics, **options)


CONSTRUCTIONS = {
    "precision": (
        lambda: make(precision="float8"),
        'precision expects one of float32, float64, tf32, bfloat16, float16, got "float8"',
    ),
    "large seed": (lambda: make(seed=2**64), f"seed expects less than {2**64}, got {2**64}"),
    "metric class": (lambda: make(metrics=[Accuracy]), "got the class Accuracy; pass Accuracy()"),
    "no metrics": (lambda: make(metrics=None), "metrics expects names or objects of fusegrad.metrics, got None"),
    "loss class": (
        lambda: make(loss=losses.MSE),
        "loss expects a loss that can be called, got the class MSE; pass MSE(",
    ),
    "optimizer class": (lambda: Trainer(layers.Linear(3), mse, optimizers.Adam), "got the class Adam; pass Adam(…)"),
    "optimizer name": (
        lambda: Trainer(layers.Linear(3), mse, "adam"),
        "optimizer expects one such as optimizers.Adam()",
    ),
    "seed": (lambda: make(seed=-1), "seed expects at least 0, got -1"),
    "model": (lambda: make(model="resnet"), "Trainer expects a model or a layer, got str"),
    "loss": (lambda: make(loss="mse"), "loss expects a loss that can be called, got 'mse'"),
    "metric": (lambda: make(metrics="acuracy"), 'unknown metric "acuracy"; perhaps you meant "accuracy"?'),
    "two metrics": (lambda: make(metrics=["mae", "mae"]), 'metrics expects different names, got "mae" twice'),
    "backend": (lambda: make(backend="cdua"), 'unknown backend "cdua"; perhaps you meant "cuda"?'),
}


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_a_fault_in_the_construction(name):
    construct, message = CONSTRUCTIONS[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        construct()


cross_entropy, mse = losses.CrossEntropy(), losses.MSE()
two_inputs = {"image": x, "scale": x[:, :1]}
MATCHES = {
    "too few losses": (make([cross_entropy], model=Pair()), x, (y, x[:, :1]), "expects 1 outputs in a tuple, got 2"),
    "one target": (make([cross_entropy, mse], model=Pair()), x, y, "expects 2 targets in a tuple, got Value"),
    "names": (make({"kind": mse}, model=TwoHeads()), two_inputs, {"kind": y}, "['kind'], got ['kind', 'size']"),
    "vector": (make(lambda output, target: output), x, y, "loss expects to return a scalar Value, got Value((32, 3)"),
    "metric": (make(metrics={"kind": "mae"}), x, y, "a dict of metrics expects targets with the name 'kind', got"),
    "no parameters": (make(model=layers.ReLU()), x, y % 3, "expects a parameter that the loss reaches, got none"),
}  # fmt: skip


@pytest.mark.parametrize("name", MATCHES)
def test_losses_and_metrics_that_do_not_match_the_model(name):
    trainer, data, targets, message = MATCHES[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        trainer.fit(data, targets)


def test_a_step_checks_its_batch():
    trainer = linear()
    with pytest.raises(ValueError, match="y expects 70 rows"):
        trainer.step(x, y[:2])
    trainer.step(x, y)
    before = trainer.arena.value.copy()
    with pytest.raises(ValueError, match=re.escape("y expects integers in 0 .. ")):
        trainer.step(x, y + 1)
    assert np.array_equal(trainer.arena.value, before)


def heads(output, target):
    """Labels (batch, 1) read by two losses, of which the one with fewer classes decides."""
    labels = target.reshape(target.shape[0])
    return losses.CrossEntropy()(output[0], labels) + losses.CrossEntropy()(output[1], labels)


class FiveAndThree(layers.Sequential):
    def call(self, value):
        return tuple(layer(value) for layer in self.layers)


class Untouched(Callback):
    def on_batch_end(self, trainer):
        raise AssertionError("a batch was trained on")


def test_all_limits_of_a_label_count_also_behind_a_change_of_shape():
    model = FiveAndThree(layers.Linear(5), layers.Linear(3))
    trainer = Trainer(model, heads, optimizers.SGD(), backend="cpu")
    wrong = with_entry(y[:, None], 69, 4, "int64")
    for call in (trainer.fit, trainer.evaluate):
        with pytest.raises(ValueError, match=re.escape("y expects integers in 0 .. 3-1, got 4, in rows 64 .. 69")):
            call(x, wrong, **({"callbacks": Untouched()} if call == trainer.fit else {}))
    trainer.fit(x, y[:, None])


binary = (y[:, None] > 1).astype("float32")
OUT_OF_RANGE = {
    "bce": (losses.BCEWithLogits(), 1, binary * 2 - 1, binary, "y expects numbers in [0, 1] (labels of -1 and 1"),
    "soft": (losses.CrossEntropy(), 3, np.eye(3)[y] + 0.01, np.eye(3)[y] + 3e-4, "that sum to 1, got ["),
    "negative": (losses.CrossEntropy(), 2, [[1.5, -0.5]] * 70, [[1.0, 0.0]] * 70, "got [ 1.5 -0.5] in row 0"),
    "list": ([losses.BCEWithLogits()], 1, [binary * 3], [binary], "y[0] expects numbers in [0, 1]"),
    "dict": ({"kind": losses.BCEWithLogits()}, 1, {"kind": binary * 3}, {"kind": binary}, "y['kind'] expects"),
}  # fmt: skip


class Formed(layers.Sequential):
    """A model whose outputs have the form of the losses."""

    def call(self, value):
        output = super().call(value)
        return self.form(output)


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_targets_that_a_loss_cannot_use_are_found_before_training(name):
    loss, width, wrong, right, message = OUT_OF_RANGE[name]
    model = Formed(layers.Linear(width))
    forms = {"list": lambda value: (value,), "dict": lambda value: {"kind": value}}
    model.form = forms.get(name, lambda value: value)
    trainer = Trainer(model, loss, optimizers.SGD(), backend="cpu")
    calls = {
        "fit": lambda: trainer.fit(x, wrong, callbacks=Untouched()),
        "batches": lambda: trainer.fit([(x, wrong)], callbacks=Untouched()),
        "validation": lambda: trainer.fit(x, right, validation=(x, wrong), callbacks=Untouched()),
        "step": lambda: trainer.step(x, wrong),
        "evaluate": lambda: trainer.evaluate(x, wrong),
    }
    for call in calls.values():
        with pytest.raises(ValueError, match=re.escape(message)):
            call()
    trainer.fit(x, right, validation=(x, right))


HINTS = [
    (losses.MSE(), x[:, 0], "got (32,); perhaps y[:, None]"),
    (losses.MSE(), y[:, None], 'got (32, 1) int64; perhaps y.astype("float32")'),
    (losses.BCEWithLogits(), y[:, None] > 1, 'perhaps y.astype("float32")'),
]


@pytest.mark.parametrize(("loss", "targets", "message"), HINTS)
def test_targets_that_do_not_fit_a_loss_come_with_a_hint(loss, targets, message):
    trainer = Trainer(layers.Linear(1), loss, optimizers.SGD(), backend="cpu")
    with pytest.raises(ValueError, match=re.escape(message)):
        trainer.fit(x, targets)
