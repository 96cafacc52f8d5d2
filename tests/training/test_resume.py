"""Resuming gives the bits of training that was never interrupted."""

from __future__ import annotations

import numpy as np
import pytest
from training.cases import blobs, classifier, everything, figures

from fusegrad import optimizers, schedules
from fusegrad.training import Callback, Checkpoint, EarlyStopping

x, y = blobs()
held_out = blobs(30, seed=5)
OPTIMIZERS = {
    "adamw": lambda: optimizers.AdamW(schedules.cosine(0.02, 40), clip_norm=1.0),
    "sgd": lambda: optimizers.SGD(0.05),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9),
}


class Interrupted(Exception):
    pass


class SaveAndFail(Callback):
    """Stands for a crash soon after a checkpoint: what came after it is lost."""

    def __init__(self, path, batches):
        self.path, self.left = path, batches

    def on_batch_end(self, trainer):
        self.left -= 1
        if self.left == 0:
            trainer.save(self.path)
        if self.left == -1:
            raise Interrupted


def fit(trainer, callbacks=(), epochs=3, **options):
    arguments = {"epochs": epochs, "batch_size": 16, "validation": held_out, "callbacks": callbacks} | options
    trainer.fit(x, y, **arguments)
    return trainer


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batches", [1, 4, 5, 7, 13])  # an epoch has five
@pytest.mark.parametrize("accumulate", [1, 2])
def test_resumed_equals_uninterrupted(tmp_path, optimizer, batches, accumulate):
    make = OPTIMIZERS[optimizer]
    metrics = ("accuracy", "top_k")
    whole = fit(classifier(7, make(), metrics), accumulate=accumulate)
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(Interrupted):
        fit(classifier(7, make(), metrics), [SaveAndFail(path, batches)], accumulate=accumulate)
    resumed = classifier(7, make(), metrics)
    resumed.resume(path)
    assert resumed.position.epoch == batches // 5 - (batches % 5 == 0)
    fit(resumed, accumulate=accumulate)
    assert everything(resumed) == everything(whole)
    assert figures(resumed) == figures(whole)


def test_resume_into_a_trainer_that_has_trained_on(tmp_path):
    path = tmp_path / "checkpoint"
    trainer = fit(classifier(), [Checkpoint(path)], epochs=2)
    fit(trainer, epochs=5)
    trainer.resume(path)
    fit(trainer, epochs=3)
    assert everything(trainer) == everything(fit(classifier(), epochs=3))


def test_epochs_after_resume_count_from_the_beginning_of_the_run(tmp_path):
    path = tmp_path / "checkpoint"
    fit(classifier(), [Checkpoint(path)], epochs=2)
    resumed = classifier()
    resumed.resume(path)
    fit(resumed, epochs=2)
    assert len(resumed.history.epochs) == 2  # the run was done
    fit(resumed, epochs=1)
    assert resumed.history["epoch"] == [1, 2, 3]  # a new run


def test_a_second_run_resumes_as_a_second_run(tmp_path):
    def two_runs(callbacks):
        trainer = fit(classifier(), epochs=1)
        return fit(trainer, callbacks, epochs=3)

    whole = two_runs([])
    with pytest.raises(Interrupted):
        two_runs([SaveAndFail(tmp_path / "c", 7)])
    resumed = classifier()
    resumed.resume(tmp_path / "c")
    assert everything(fit(resumed, epochs=3)) == everything(whole)


def test_batches_of_an_iterable_resume_where_they_stopped(tmp_path):
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 70, 16)]
    whole = classifier()
    whole.fit(batches, epochs=2)
    with pytest.raises(Interrupted):
        classifier().fit(batches, epochs=2, callbacks=[SaveAndFail(tmp_path / "c", 7)])
    resumed = classifier()
    resumed.resume(tmp_path / "c")
    resumed.fit(batches, epochs=2)
    assert everything(resumed) == everything(whole) and figures(resumed) == figures(whole)


OTHERWISE = {
    "batches": ((x[:40], y[:40]), {}, "there batches 5, now 3; there rows 70, now 40"),
    "rows": ((x[:69], y[:69]), {}, "there rows 70, now 69"),
    "batch_size": ((x, y), {"batch_size": 17}, "there batch_size 16, now 17"),
    "shuffle": ((x, y), {"shuffle": False}, "there shuffle True, now False"),
    "drop_last": ((x, y), {"drop_last": True}, "there drop_last False, now True"),
    "accumulate": ((x, y), {"accumulate": 2}, "there accumulate 1, now 2"),
    "stream": (([(x[:14], y[:14])] * 5,), {}, "there rows 70, now 0"),
    "callback": ((x, y), {"callbacks": [EarlyStopping("val_loss")]}, "give fit validation="),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_does_not_go_on_with_the_epoch_is_refused_and_the_resume_still_stands(tmp_path, name):
    data, options, message = OTHERWISE[name]
    with pytest.raises(Interrupted):
        fit(classifier(), [SaveAndFail(tmp_path / "c", 3)])
    resumed = classifier()
    resumed.resume(tmp_path / "c")
    with pytest.raises(ValueError, match=message):
        resumed.fit(*data, **{"batch_size": 16} | options)
    assert everything(fit(resumed)) == everything(fit(classifier()))


def test_at_the_end_of_an_epoch_other_batches_may_follow(tmp_path):
    fit(classifier(), [Checkpoint(tmp_path / "c")], epochs=1)
    resumed = classifier()
    resumed.resume(tmp_path / "c")
    resumed.fit(x[:40], y[:40], epochs=2, batch_size=8, accumulate=3, shuffle=False)
    assert resumed.history["epoch"] == [1, 2]


def test_a_refused_fit_does_not_begin_a_run():
    trainer = fit(classifier(), epochs=1)
    position = trainer.position.state()
    with pytest.raises(ValueError, match="cannot monitor"):
        trainer.fit(x, y, batch_size=8, callbacks=[EarlyStopping()])
    assert trainer.position.state() == position


def test_an_interrupted_fit_without_resume_begins_its_epoch_anew(tmp_path):
    trainer = classifier()
    with pytest.raises(Interrupted):
        fit(trainer, [SaveAndFail(tmp_path / "c", 7)])
    fit(trainer, epochs=2)
    assert trainer.history["epoch"] == [1, 2, 3]
    assert trainer.position.batch == 0


def test_flags_of_numpy_are_flags_in_a_checkpoint(tmp_path):
    options = {"shuffle": np.True_, "drop_last": np.False_, "accumulate": np.int64(2)}
    with pytest.raises(Interrupted):
        fit(classifier(), [SaveAndFail(tmp_path / "c", 3)], **options)
    resumed = classifier()
    resumed.resume(tmp_path / "c")
    assert everything(fit(resumed, accumulate=2)) == everything(fit(classifier(), accumulate=2))
