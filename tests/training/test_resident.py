"""Batches taken on the device, one or many in a launch, train as those that come from the host do, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from small_layers import Square
from training.cases import TwoHeads, blobs, classifier, everything, figures

from fusegrad import layers, losses, optimizers
from fusegrad.metrics import Accuracy, Metric
from fusegrad.training import Callback, Checkpoint, Trainer

x, y = blobs()  # 70 rows: four batches of 16, and one of 6
weight = np.random.default_rng(2).uniform(0, 2, 70).astype("float32")
LAUNCHES = [1, 2, 3, 4, 64]  # steps in one


class Seen(Callback):
    """The numbers of batches after which it was called, and stops after one of them."""

    def __init__(self, stop_at: int = 0):
        self.batches, self.stop_at = [], stop_at

    def on_batch_end(self, trainer):
        self.batches.append(trainer.position.batch)
        if trainer.position.batch == self.stop_at:
            trainer.stop()


class Hits(Metric):
    """A metric of a user's own, of which steps know nothing."""

    name = "hits"

    def update(self, prediction, target, weight=None):
        self.add(sum=(prediction.argmax(-1) == target).sum(), weight=float(len(target)))

    def result(self):
        return self.ratio()


class Strict(Accuracy):
    """Derived from one that steps add to, but judged otherwise."""

    def score(self, prediction, target):
        return super().score(prediction, target) & (prediction.max(-1) > 1)


def fitted(metrics=("accuracy",), backend="cpu", precision="float32", **options):
    trainer = classifier(3, metrics=metrics, backend=backend, precision=precision)
    trainer.fit(x, y, **{"epochs": 2, "batch_size": 16} | options)
    return trainer


def check_equal(one, other):
    assert everything(one) == everything(other)
    assert figures(one) == figures(other)


@pytest.mark.parametrize("together", LAUNCHES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": False},
        {"drop_last": True},
        {"sample_weight": weight},
        {"batch_size": 100},
        {"batch_size": 35, "validation": blobs(30, seed=5)},
    ],
    ids=["plain", "in-order", "whole", "weighted", "one-batch", "validated"],
)
def test_the_same_bits_on_a_cpu(together, options):
    expected = fitted(**options)
    check_equal(fitted(resident=True, steps_per_execution=together, **options), expected)


@pytest.mark.parametrize(("precision", "together"), [("float32", 1), ("float32", 3), ("float16", 2), ("bfloat16", 4)])
def test_the_same_bits_on_the_emulated_gpu(precision, together):
    options = {"backend": "emulated", "precision": precision, "sample_weight": weight, "epochs": 2}
    expected = fitted(("accuracy", "top_k"), **options)
    check_equal(fitted(("accuracy", "top_k"), resident=True, steps_per_execution=together, **options), expected)


def test_a_metric_that_steps_do_not_know_sees_every_batch():
    metrics = ["accuracy", Hits(), Strict("strict")]
    expected = fitted(metrics)
    check_equal(fitted(metrics, resident=True), expected)
    assert expected.history["hits"] == expected.history["accuracy"]
    assert sum(expected.history["strict"]) < sum(expected.history["accuracy"])


def test_callbacks_see_every_launch():
    seen = Seen()
    fitted(epochs=1, resident=True, steps_per_execution=3, callbacks=seen)
    assert seen.batches == [3, 4, 5]


@pytest.mark.parametrize(("together", "saved_at"), [(1, 3), (2, 4), (3, 3)])
def test_a_checkpoint_by_batches_comes_with_the_launch_that_has_the_batch(tmp_path, together, saved_at):
    class Saved(Seen):
        def on_batch_end(self, trainer):
            if (tmp_path / "c").exists():
                self.batches.append(trainer.position.batch)

    seen = Saved()
    options = {"resident": True, "steps_per_execution": together, "callbacks": [Checkpoint(tmp_path / "c", 3), seen]}
    fitted(epochs=1, **options)
    assert seen.batches[0] == saved_at


@pytest.mark.parametrize("backend", ["cpu", "emulated"])
@pytest.mark.parametrize("stop_at", [2, 4, 5])
def test_an_epoch_is_gone_on_with_at_the_right_batch(tmp_path, backend, stop_at):
    expected = fitted(("accuracy", "top_k"), backend)
    first = fitted(("accuracy", "top_k"), backend, resident=True, steps_per_execution=2, callbacks=Seen(stop_at))
    assert first.position.batch == stop_at and first.history.epochs == []
    first.save(tmp_path / "c")
    for options in ({"resident": True, "steps_per_execution": 3}, {"resident": True}, {}):
        resumed = classifier(3, metrics=("accuracy", "top_k"), backend=backend)
        resumed.resume(tmp_path / "c")
        resumed.fit(x, y, epochs=2, batch_size=16, **options)
        check_equal(resumed, expected)


def test_numbers_of_other_types_lie_on_the_device():
    def trained(**options):
        trainer = classifier(backend="emulated")
        trainer.fit(x.astype("float64"), y.astype("uint8"), batch_size=16, **options)
        return trainer

    check_equal(trained(resident=True, steps_per_execution=2), trained())


def test_several_inputs_and_targets_lie_on_the_device():
    inputs, targets = {"image": x, "scale": x[:, :1]}, {"kind": y, "size": x[:, :1]}

    def trained(**options):
        objective = {"kind": losses.CrossEntropy(), "size": losses.MSE()}
        metrics = {"kind": "accuracy", "size": ["mae", "r2"]}
        trainer = Trainer(TwoHeads(), objective, optimizers.SGD(0.05), metrics=metrics, backend="emulated")
        trainer.fit(inputs, targets, batch_size=16, **options)
        return trainer

    check_equal(trained(resident=True, steps_per_execution=2), trained())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps_per_execution": 2}, "steps_per_execution=2 expects resident=True"),
        ({"steps_per_execution": 0}, "steps_per_execution expects at least 1, got 0"),
        ({"steps_per_execution": 65, "resident": True}, "capture expects 1 to 64 steps at once, got 65"),
        ({"accumulate": 2, "resident": True}, "resident=True expects accumulate=1, got 2"),
    ],
)
def test_what_cannot_be_launched_so_is_refused(options, message):
    trainer, seen = classifier(), Seen()
    with pytest.raises(ValueError, match=message):
        trainer.fit(x, y, callbacks=seen, **options)
    assert seen.batches == [] and trainer.history.epochs == []


def test_batches_of_an_iterable_cannot_be_resident():
    with pytest.raises(ValueError, match="resident=True expects arrays x and y as they are, got an iterable"):
        classifier().fit([(x, y)], resident=True)


def test_several_steps_leave_no_metric_out():
    with pytest.raises(ValueError, match="steps_per_execution=2 expects metrics that steps can add up, got hits"):
        fitted(["accuracy", Hits()], resident=True, steps_per_execution=2)


def test_layers_that_do_more_than_launch_kernels_come_from_the_host_and_one_by_one():
    def made(backend):
        network = layers.Sequential(layers.Linear(4), Square(), layers.Linear(3))
        return Trainer(network, losses.CrossEntropy(), optimizers.SGD(0.01), metrics="accuracy", backend=backend)

    trained = {backend: made(backend).fit(x, y, batch_size=16)["loss"] for backend in ("cpu", "emulated")}
    assert trained["emulated"] == pytest.approx(trained["cpu"], rel=1e-5)
    with pytest.raises(ValueError, match=r"capture expects passes that only launch kernels, .* got Square.forward"):
        made("emulated").fit(x, y, batch_size=16, resident=True)
