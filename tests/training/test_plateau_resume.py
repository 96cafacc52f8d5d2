"""Reductions of the learning rate are part of a checkpoint."""

from __future__ import annotations

import pytest
from training.cases import blobs, classifier, everything, figures
from training.plateaus import Script, descent, rates

from fusegrad import optimizers, schedules
from fusegrad.training import Callback, Checkpoint, CheckpointError, ReduceLROnPlateau, checkpoint

x, y = blobs()


class Interrupted(Exception):
    pass


class Fail(Callback):
    """Stands for a crash at the end of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, trainer, logs):
        if logs["epoch"] == self.epoch:
            raise Interrupted


def fit(trainer, path, order, *others):
    callbacks = {
        "plateau": ReduceLROnPlateau("loss", 0.5, patience=2, min_delta=0.05, cooldown=1, min_lr=1e-3),
        "other": ReduceLROnPlateau("val_loss", 0.3, patience=1, min_delta=0.1),
        "checkpoint": Checkpoint(path),
        "batches": Checkpoint(path, every=3),  # an epoch has five
    }
    chosen = [callbacks[name] for name in order.split()]
    trainer.fit(x, y, epochs=12, batch_size=16, validation=(x[:20], y[:20]), callbacks=[*chosen, *others])
    return trainer


ORDERS = ["plateau checkpoint", "checkpoint plateau", "plateau checkpoint other", "plateau batches other"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("is_scheduled", [False, True])
def test_resumed_after_any_epoch_equals_uninterrupted(tmp_path, order, is_scheduled):
    def make():
        rate = schedules.cosine(0.05, 60, 0.01) if is_scheduled else 0.05
        return classifier(optimizer=optimizers.AdamW(rate))

    whole = fit(make(), tmp_path / "whole", order)
    reductions = whole.network.paced.reductions
    assert len(reductions) >= 2
    for epoch in range(1, 12):
        path = tmp_path / f"{epoch}"
        with pytest.raises(Interrupted):
            fit(make(), path, order, Fail(epoch))
        resumed = make()
        resumed.resume(path)
        fit(resumed, path, order)
        assert resumed.network.paced.reductions == reductions
        assert everything(resumed) == everything(whole) and figures(resumed) == figures(whole)


def test_a_rate_that_a_checkpoint_holds_needs_no_callback(tmp_path):
    trainer = descent()
    rates([1.0] * 4, ReduceLROnPlateau("loss", 1 / 3, patience=1, min_lr=0.1), trainer)
    trainer.save(tmp_path / "c")
    resumed = descent()
    resumed.resume(tmp_path / "c")
    assert resumed.lr == trainer.lr == 0.1
    trainer.step(x, y)
    resumed.step(x, y)
    assert everything(resumed) == everything(trainer)


def test_a_callback_that_comes_in_with_a_resume_does_not_make_up_for_the_past(tmp_path):
    trainer = descent()
    trainer.fit(x, y, epochs=8, batch_size=35, callbacks=[Script([1.0] * 8), Checkpoint(tmp_path / "c")])
    trainer.resume(tmp_path / "c")
    for logs in trainer.history.epochs:
        logs["loss"] = 1.0
    callback = ReduceLROnPlateau("loss", 0.5, patience=3)
    trainer.fit(x, y, epochs=10, batch_size=35, callbacks=[Script([1.0] * 10), callback])
    assert trainer.lr == 0.4  # after epoch 10, not 4 and 7


def test_resuming_an_earlier_checkpoint_raises_the_rate_again(tmp_path):
    trainer = descent()
    trainer.fit(x, y, batch_size=35)
    trainer.save(tmp_path / "c")
    rates([1.0] * 3, ReduceLROnPlateau("loss", 0.5, patience=1), trainer)
    assert trainer.lr < 0.8
    trainer.resume(tmp_path / "c")
    assert trainer.lr == 0.8


class Refuse(Callback):
    def on_fit_begin(self, trainer, total_epochs, batches_per_epoch):
        raise ValueError("refused")


def test_a_refused_fit_leaves_the_rate(tmp_path):
    trainer = descent()
    callbacks = [Script([1.0] * 2), Checkpoint(tmp_path / "c"), ReduceLROnPlateau("loss", 0.5, patience=1)]
    trainer.fit(x, y, epochs=2, callbacks=callbacks)
    trainer.resume(tmp_path / "c")  # saved before the rate was lowered, which the next fit makes up for
    assert trainer.lr == 0.8
    with pytest.raises(ValueError, match="refused"):
        trainer.fit(x, y, epochs=2, callbacks=[*callbacks, Refuse()])
    assert trainer.lr == 0.8
    trainer.fit(x, y, epochs=2, callbacks=callbacks)
    assert trainer.lr == 0.4


GOOD = {"monitor": "loss", "epoch": 1, "factor": 0.5, "min_lr": 0.0}


@pytest.mark.parametrize(
    "change", [{"factor": 2.0}, {"epoch": 0}, {"min_lr": -1.0}, {"factor": "a"}, {"more": 1}, None]
)
def test_damaged_reductions_are_an_error(tmp_path, change):
    trainer = classifier()
    trainer.fit(x, y)
    trainer.save(tmp_path / "c")
    stored = checkpoint.read(tmp_path / "c")
    reductions = [GOOD if change is None else GOOD | change]
    checkpoint.write(tmp_path / "c", checkpoint.Stored(stored.arrays, stored.facts | {"reductions": reductions}))
    if change is None:
        trainer.resume(tmp_path / "c")
        assert trainer.lr == 0.005
    else:
        with pytest.raises(CheckpointError, match="damaged"):
            trainer.resume(tmp_path / "c")
        assert trainer.lr == 0.01
