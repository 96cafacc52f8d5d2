"""Early stopping, checkpoints and the order of events."""

from __future__ import annotations

import numpy as np
import pytest
from training.cases import blobs, classifier, everything, linear

from fusegrad.training import Callback, Checkpoint, EarlyStopping

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
    assert trainer.evaluate(*held_out)["loss"] == losses[best]


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


def test_an_unknown_figure_is_refused_before_training():
    trainer = classifier()
    trainer.predict(x)
    before = trainer.arena.value.copy()
    with pytest.raises(ValueError, match='cannot monitor "val_loss"; perhaps you meant "loss"'):
        trainer.fit(x, y, callbacks=[EarlyStopping()])
    assert np.array_equal(trainer.arena.value, before)


def test_early_stopping_waits_as_long_after_resume(tmp_path):
    def fit(trainer, epochs, *callbacks):
        stopping = EarlyStopping("loss", patience=3, restore_best=False)
        trainer.fit(x, y, epochs=epochs, batch_size=16, callbacks=[stopping, *callbacks])
        return trainer

    whole = fit(linear(lr=60.0), 200)
    half = len(whole.history.epochs) - 2
    fit(linear(lr=60.0), half, Checkpoint(tmp_path / "c"))
    resumed = linear(lr=60.0)
    resumed.resume(tmp_path / "c")
    fit(resumed, 200)
    assert resumed.history["loss"] == whole.history["loss"]
    assert everything(resumed) == everything(whole)


def test_best_parameters_from_before_a_resume_are_missed_with_a_warning(tmp_path):
    best_first = [{"epoch": 1, "loss": 0.0}]
    trainer = linear()
    trainer.fit(x, y, callbacks=[Checkpoint(tmp_path / "c")])
    resumed = linear()
    resumed.resume(tmp_path / "c")
    resumed.history.epochs[:] = best_first
    with pytest.warns(UserWarning, match="epoch 1 was the best, but came before"):
        resumed.fit(x, y, epochs=3, callbacks=[EarlyStopping("loss")])


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
