"""Metrics that training steps add up by themselves have the figures that they have when they are shown every batch."""

from __future__ import annotations

import numpy as np
import pytest
from training.cases import Pair, blobs, classifier, everything, figures, linear

from fusegrad import layers, losses, metrics, optimizers
from fusegrad.graph import GraphError
from fusegrad.training import Callback, Trainer

x, y = blobs()
targets = (x[:, :2] * 3 + 100).astype("float32")
weight = np.random.default_rng(2).uniform(0, 2, 70).astype("float32")


class Shown(Callback):
    """Shows metrics every batch, predicted with the parameters before the step."""

    def __init__(self, shown, rows):
        self.metrics, self.rows = shown, rows

    def on_fit_begin(self, trainer, total_epochs, batches_per_epoch):
        self.show(trainer)

    def on_batch_end(self, trainer):
        if trainer.position.batch < trainer.position.batches:
            self.show(trainer)

    def show(self, trainer):
        inputs, answers, weights = (array if array is None else array[self.of(trainer)] for array in self.rows)
        for metric in self.metrics:
            metric.update(trainer.predict(inputs), answers, weights)

    def of(self, trainer):
        return slice(trainer.position.batch * 16, (trainer.position.batch + 1) * 16)


def check_figures(model, loss, names, rows, backend):
    shown = [metrics.named(name) for name in names]
    trainer = Trainer(model, loss, optimizers.SGD(1e-3), metrics=list(names), backend=backend)
    inputs, answers, weights = rows
    options = {"batch_size": 16, "shuffle": False, "sample_weight": weights, "callbacks": Shown(shown, rows)}
    trainer.fit(inputs, answers, **options)
    for metric in shown:
        assert trainer.history[metric.name] == [pytest.approx(metric.result(), rel=1e-5)], metric.name


@pytest.mark.parametrize("backend", ["cpu", "emulated"])
@pytest.mark.parametrize("weights", [None, weight], ids=["equal", "weighted"])
def test_the_figures_are_those_of_metrics_that_are_shown_every_batch(backend, weights):
    soft = np.random.default_rng(3).dirichlet(np.ones(3), 70).astype("float32")
    for answers in (y, y.astype("int32"), soft):
        names = ("accuracy", "top_k")
        check_figures(layers.Linear(3), losses.CrossEntropy(), names, (x, answers, weights), backend)
    check_figures(layers.Linear(2), losses.MSE(), ("mae", "r2"), (x, targets, weights), backend)


def test_no_prediction_is_read_for_metrics_that_steps_add_up(monkeypatch):
    trainer = classifier(metrics=["accuracy", "top_k"])
    monkeypatch.setattr(trainer.network, "judge", lambda scores, predictions, batch: seen.append(len(predictions)))
    seen = []
    trainer.fit(x, y, batch_size=16)
    assert set(seen) == {0}
    assert trainer.history["accuracy"][0] > 0


def test_steps_of_a_user_between_batches_change_no_figure():
    class Stepping(Callback):
        def on_batch_end(self, trainer):
            trainer.step(x, y)

    def trained(callbacks):
        trainer = Trainer(
            layers.Linear(3), losses.CrossEntropy(), optimizers.SGD(0.0), metrics="accuracy", backend="cpu"
        )
        trainer.fit(x, y, batch_size=16, epochs=2, callbacks=callbacks)
        return trainer.history["accuracy"]

    assert trained([Stepping()]) == trained([])


def test_every_epoch_begins_with_sums_of_zero():
    trainer = Trainer(layers.Linear(3), losses.CrossEntropy(), optimizers.SGD(0.0), metrics="accuracy", backend="cpu")
    trainer.fit(x, y, batch_size=16, epochs=3)
    assert len(set(trainer.history["accuracy"])) == 1
    assert trainer.history["accuracy"][0] == trainer.evaluate(x, y)["accuracy"]


def test_accumulated_batches_have_the_same_figures():
    def trained(**options):
        trainer = Trainer(layers.Linear(2), losses.MSE(), optimizers.SGD(0.0), metrics=["mae", "r2"], backend="cpu")
        trainer.fit(x, targets, batch_size=16, **options)
        return [trainer.history[name][0] for name in ("mae", "r2")]

    assert trained(accumulate=2) == pytest.approx(trained(), rel=1e-12)


def test_a_target_that_does_not_fit_its_metric_is_refused_before_the_first_step():
    trainer = linear(metrics="mae")
    with pytest.raises(ValueError, match=r"MAE.* expects targets of the predictions' shape \(32, 3\), got \(32,\)"):
        trainer.fit(x, y)
    with pytest.raises(GraphError, match="no parameters yet"):
        _ = trainer.arena


def test_outputs_of_another_width_do_not_fit_the_sums_of_a_column_each():
    trainer = Trainer(layers.Linear(2), losses.MSE(), optimizers.SGD(1e-3), metrics="r2", backend="cpu")
    sequences = np.repeat(x[:, None], 3, 1), np.repeat(targets[:, None], 3, 1)
    trainer.fit(*sequences)
    with pytest.raises(GraphError, match="r2 expects 6 numbers of each sample, as in earlier batches, got 4"):
        trainer.fit(*(array[:, :2] for array in sequences))


def test_metrics_of_the_first_output_leave_the_others_alone():
    trainer = Trainer(
        Pair(), [losses.CrossEntropy(), losses.MSE()], optimizers.SGD(0.01), metrics="accuracy", backend="cpu"
    )
    trainer.fit(x, (y, targets[:, :1]), epochs=2)
    assert 0 < trainer.history["accuracy"][-1] <= 1


def test_a_fit_on_a_gpu_neither_waits_nor_allocates_within_its_steps():
    class Counted(Callback):
        def __init__(self):
            self.counts = []

        def on_batch_end(self, trainer):
            counters = trainer.arena.backend.xp.counters
            self.counts.append((counters.synchronisations, counters.allocations, counters.copies_to_host))

    trainer, counted = classifier(metrics=["accuracy", "top_k"], backend="emulated"), Counted()
    trainer.fit(x, y, batch_size=8, drop_last=True, callbacks=counted)
    assert len(counted.counts) == 8
    assert len(set(counted.counts[1:])) == 1


@pytest.mark.parametrize("accumulate", [1, 2])
def test_metrics_of_an_evaluation_on_a_gpu_are_those_of_the_cpu(accumulate):
    def fitted(backend):
        trainer = classifier(metrics=["accuracy", metrics.TopK(2)], backend=backend)
        trainer.fit(x, y, batch_size=16, accumulate=accumulate, validation=(x, y, weight))
        return trainer.history.epochs[0]

    expected, found = fitted("cpu"), fitted("emulated")
    for name in ("accuracy", "top_k", "val_accuracy", "val_top_k"):
        assert found[name] == pytest.approx(expected[name], rel=1e-6)


def test_captured_and_called_one_by_one_steps_add_up_the_same():
    def trained(capture):
        trainer = classifier(metrics=["accuracy", "top_k"], backend="emulated", capture=capture)
        trainer.fit(x, y, batch_size=16, epochs=2, sample_weight=weight)
        return trainer

    captured, called = trained(True), trained(False)
    assert everything(captured) == everything(called) and figures(captured) == figures(called)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_checker_has_nothing_to_report_of_a_whole_fit(precision, monkeypatch):
    monkeypatch.setenv("FUSEGRAD_EMULATOR", "check")
    trainer = classifier(metrics=["accuracy", "top_k"], backend="emulated", precision=precision)
    trainer.fit(x, y, batch_size=16, epochs=2, sample_weight=weight)
    trainer.fit(x, y, batch_size=16, epochs=2, resident=True, steps_per_execution=2)
    assert trainer.arena.backend.xp.mode == "check"
    assert len(trainer.history.epochs) == 4 and np.isfinite(trainer.history["loss"]).all()
