"""Early stopping, checkpoints and the order of events."""

from __future__ import annotations

import re
from os import devnull
from time import sleep

import numpy as np
import pytest
from training.cases import blobs, classifier, everything, linear

from fusegrad import layers, losses, optimizers
from fusegrad.training import Callback, Checkpoint, EarlyStopping, Trainer

x, y = blobs()
held_out = blobs(30, seed=5)


class Recorder(Callback):
    def __init__(self, stop_at=None):
        self.events, self.stop_at, self.params = [], stop_at, []

    def on_fit_begin(self, trainer, total_epochs, batches_per_epoch):
        self.events.append(("begin", total_epochs, batches_per_epoch))

    def on_batch_end(self, trainer):
        self.events.append("batch")
        if self.events.count("batch") == self.stop_at:
            trainer.stop()

    def on_epoch_end(self, trainer, logs):
        assert logs is trainer.history.epochs[-1]
        self.events.append(("epoch", logs["epoch"]))
        self.params.append(trainer.arena.value.copy())

    def on_fit_end(self, trainer):
        self.events.append("end")


def test_the_order_of_events():
    recorder = Recorder()
    trainer = classifier()
    trainer.fit(x, y, epochs=2, batch_size=35, callbacks=[recorder])
    assert recorder.events == [("begin", 2, 2), "batch", "batch", ("epoch", 1), "batch", "batch", ("epoch", 2), "end"]
    trainer.fit(iter([(x, y)]), callbacks=[again := Recorder()])
    assert again.events == [("begin", 3, None), "batch", ("epoch", 3), "end"]


def test_stop_ends_the_fit_after_the_batch():
    recorder = Recorder(stop_at=3)
    trainer = classifier()
    trainer.fit(x, y, epochs=5, batch_size=35, callbacks=[recorder])
    assert recorder.events[-3:] == [("epoch", 1), "batch", "end"]
    assert len(trainer.history.epochs) == 1


def test_fit_end_comes_even_after_an_error():
    recorder = Recorder()
    with pytest.raises(ValueError, match="batch 1"):
        classifier().fit([(x, y), (x, None)], callbacks=[recorder])
    assert recorder.events[-2:] == ["batch", "end"]


def test_early_stopping_stops_and_restores_the_best_epoch():
    trainer, recorder = linear(lr=60.0), Recorder()  # far too large: the loss rises and falls
    stopping = EarlyStopping(patience=3)
    trainer.fit(x, y, epochs=200, batch_size=16, validation=held_out, callbacks=[stopping, recorder])
    losses = trainer.history["val_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3 < 200
    assert np.array_equal(trainer.arena.value, recorder.params[best])
    assert trainer.evaluate(*held_out, batch_size=16)["loss"] == losses[best]


def test_early_stopping_can_leave_the_last_parameters():
    trainer, recorder = linear(lr=60.0), Recorder()
    stopping = EarlyStopping("loss", patience=2, restore_best=False)
    trainer.fit(x, y, epochs=200, batch_size=16, callbacks=[stopping, recorder])
    assert np.array_equal(trainer.arena.value, recorder.params[-1])


def test_more_is_better_for_accuracy_and_min_delta_counts():
    trainer = classifier()
    trainer.fit(x, y, epochs=50, validation=held_out, callbacks=[EarlyStopping("val_accuracy", patience=4)])
    figures = trainer.history["val_accuracy"]
    assert len(figures) == int(np.argmax(figures)) + 1 + 4
    other = classifier()
    other.fit(x, y, epochs=50, callbacks=[EarlyStopping("loss", patience=1, min_delta=10.0)])
    assert len(other.history.epochs) == 2


@pytest.mark.parametrize(
    ("monitor", "hint"),
    [("val_loss", "; give fit validation=(x, y)"), ("acuracy", '; perhaps you meant "accuracy"?')],
)
def test_an_unknown_figure_is_refused_before_training(monitor, hint):
    trainer = classifier()
    trainer.predict(x)
    before = trainer.arena.value.copy()
    with pytest.raises(ValueError, match=re.escape(f'cannot monitor "{monitor}"{hint}')):
        trainer.fit(x, y, callbacks=[EarlyStopping(monitor)])
    assert np.array_equal(trainer.arena.value, before)


def test_early_stopping_waits_as_long_after_resume(tmp_path):
    def fit(trainer, epochs, *callbacks):
        stopping = EarlyStopping("loss", patience=3, min_delta=0.3, restore_best=False)
        trainer.fit(x, y, epochs=epochs, batch_size=16, callbacks=[stopping, *callbacks])
        return trainer

    whole = fit(linear(lr=60.0), 200)
    assert len(whole.history.epochs) < 200
    half = len(whole.history.epochs) - 2
    fit(linear(lr=60.0), half, Checkpoint(tmp_path / "c"))
    resumed = linear(lr=60.0)
    resumed.resume(tmp_path / "c")
    fit(resumed, 200)
    assert resumed.history["loss"] == whole.history["loss"]
    assert everything(resumed) == everything(whole)


def stopped(path, *, checkpoint_first: bool, epochs: int = 200, resume: bool = False):
    trainer = linear(lr=60.0)
    if resume:
        trainer.resume(path)
    callbacks = [EarlyStopping("loss", patience=3, min_delta=0.3), Checkpoint(path)]
    order = callbacks[::-1] if checkpoint_first else callbacks
    trainer.fit(x, y, epochs=epochs, batch_size=16, callbacks=order)
    return trainer


@pytest.mark.parametrize("checkpoint_first", [False, True])
def test_a_run_that_had_stopped_does_not_train_on_after_resume(tmp_path, checkpoint_first):
    whole = stopped(tmp_path / "c", checkpoint_first=checkpoint_first)
    assert len(whole.history.epochs) < 200
    resumed = stopped(tmp_path / "c", checkpoint_first=checkpoint_first, resume=True)
    assert resumed.history["loss"] == whole.history["loss"]
    assert everything(resumed) == everything(whole)


@pytest.mark.parametrize("checkpoint_first", [False, True])
def test_the_best_parameters_from_before_a_resume_are_restored(tmp_path, checkpoint_first):
    whole = stopped(tmp_path / "whole", checkpoint_first=checkpoint_first)
    epochs = len(whole.history.epochs)
    for half in range(epochs - 4, epochs):  # from the best epoch on
        path = tmp_path / f"{half}"
        stopped(path, checkpoint_first=checkpoint_first, epochs=half)
        resumed = stopped(path, checkpoint_first=checkpoint_first, resume=True)
        assert np.array_equal(resumed.arena.value, whole.arena.value)
        assert resumed.history["loss"] == whole.history["loss"]


def test_best_parameters_that_a_checkpoint_lacks_are_asked_for_before_training(tmp_path):
    trainer = linear()
    trainer.fit(x, y, epochs=2, batch_size=16, callbacks=Checkpoint(tmp_path / "c"))
    resumed = linear()
    resumed.resume(tmp_path / "c")
    resumed.history.epochs[0]["loss"] = 0.0  # the best one, though the parameters are those of the second
    with pytest.raises(ValueError, match=r"cannot restore epoch 1, the best by .loss.*pass restore_best=False"):
        resumed.fit(x, y, epochs=3, batch_size=16, callbacks=[EarlyStopping("loss")])
    resumed.fit(x, y, epochs=3, batch_size=16, callbacks=[EarlyStopping("loss", restore_best=False)])
    assert resumed.history["epoch"] == [1, 2, 3]


def test_after_an_error_the_parameters_stay_as_they_are():
    class Fail(Callback):
        def on_epoch_end(self, trainer, logs):
            if logs["epoch"] == 3:
                raise RuntimeError("no more")

    trainer, recorder = linear(lr=60.0), Recorder()
    stopping = EarlyStopping("val_loss", patience=9, min_delta=1e6)  # no epoch is better than the first
    with pytest.raises(RuntimeError, match="no more"):
        trainer.fit(x, y, epochs=5, validation=held_out, callbacks=[stopping, recorder, Fail()])
    assert stopping.best_epoch == 1
    assert np.array_equal(trainer.arena.value, recorder.params[-1])
    assert not np.array_equal(recorder.params[0], recorder.params[-1])


def test_a_fit_after_a_stopped_one_trains_again():
    trainer = classifier()
    trainer.fit(x, y, epochs=5, callbacks=[Recorder(stop_at=1)])
    assert trainer.history.epochs == []
    trainer.fit(x, y, epochs=2)
    assert trainer.history["epoch"] == [1, 2]


class Failing(Recorder):
    def __init__(self, event):
        super().__init__()
        self.event = event

    def on_fit_begin(self, trainer, total_epochs, batches_per_epoch):
        super().on_fit_begin(trainer, total_epochs, batches_per_epoch)
        if self.event == "begin":
            raise RuntimeError("begin")

    def on_fit_end(self, trainer):
        super().on_fit_end(trainer)
        if self.event == "end":
            raise RuntimeError("end")


@pytest.mark.parametrize("event", ["begin", "end"])
def test_who_began_is_told_of_the_end_even_if_another_callback_fails(event):
    first, failing, last = Recorder(), Failing(event), Recorder()
    with pytest.raises(RuntimeError, match=event):
        classifier().fit(x, y, batch_size=70, callbacks=[first, failing, last])
    assert first.events[-1] == "end"
    assert last.events == ([] if event == "begin" else [("begin", 1, 1), "batch", ("epoch", 1), "end"])
    assert ("end" in failing.events) == (event == "end")


def test_one_callback_needs_no_list():
    classifier().fit(x, y, callbacks=(recorder := Recorder()))
    assert recorder.events[-1] == "end"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (EarlyStopping, "got the class EarlyStopping; pass EarlyStopping(…)"),
        ([Recorder(), "progress"], "got 'progress'"),
        (None, "got None"),
    ],
)
def test_what_is_no_callback_is_named(given, message):
    with pytest.raises(ValueError, match=re.escape(f"callbacks expects Callback objects, {message}")):
        classifier().fit(x, y, callbacks=given)


def test_seconds_are_those_of_training_alone():
    class Slow(Callback):
        def on_batch_end(self, trainer):
            sleep(0.1)

    class SlowBatches(list):
        def __iter__(self):
            sleep(0.4)
            return super().__iter__()

    trainer = linear()
    trainer.fit(x, y, batch_size=16, validation=SlowBatches([held_out]), callbacks=[Slow(), Checkpoint(devnull, 99)])
    [epoch] = trainer.history.epochs
    assert 0 < epoch["seconds"] < 0.3
    assert epoch["samples_per_s"] == 70 / epoch["seconds"]


def test_a_loss_that_is_not_finite_ends_training_with_a_warning():
    trainer, recorder = Trainer(layers.Linear(1), losses.MSE(), optimizers.SGD(1e20), backend="cpu"), Recorder()
    with np.errstate(all="ignore"), pytest.warns(UserWarning, match="at epoch 1: training diverged; lower") as caught:
        trainer.fit(x, x[:, :1], epochs=5, callbacks=recorder)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert recorder.events[-2:] == [("epoch", 1), "end"] and trainer.history["epoch"] == [1]


@pytest.mark.parametrize(("every", "count"), [(None, 2), (1, 10), (4, 2), (11, 0)])
def test_checkpoints_after_epochs_or_batches(tmp_path, every, count, monkeypatch):
    trainer, saved = classifier(), []
    monkeypatch.setattr(trainer, "save", saved.append)
    trainer.fit(x, y, epochs=2, batch_size=16, callbacks=[Checkpoint(tmp_path / "c", every)])
    assert saved == [tmp_path / "c"] * count


def test_the_checkpoint_of_the_last_epoch_is_the_whole_training(tmp_path):
    trainer = classifier()
    trainer.fit(x, y, epochs=2, validation=held_out, callbacks=[Checkpoint(tmp_path / "c")])
    other = classifier()
    other.resume(tmp_path / "c")
    assert everything(other) == everything(trainer) and other.history.epochs == trainer.history.epochs
