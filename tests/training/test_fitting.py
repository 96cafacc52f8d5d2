"""Fitting: epochs, updates and the figures of the history."""

from __future__ import annotations

import gc
import tracemalloc
import warnings

import numpy as np
import pytest
from training.cases import blobs, classifier, everything, figures, linear

from fusegrad.training import Callback, History

x, y = blobs()


def test_fit_on_arrays_learns_and_reports():
    trainer = classifier()
    history = trainer.fit(x, y, epochs=15, batch_size=16, validation=blobs(30, seed=5))
    assert isinstance(history, History) and history is trainer.history
    assert history["epoch"] == list(range(1, 16))
    assert history["loss"][-1] < history["loss"][0] / 2
    assert history["val_accuracy"][-1] > 0.9
    expected = {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "samples_per_s", "seconds"}
    assert set(history.epochs[0]) == expected


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    def trained(seed):
        trainer = classifier(seed=seed)
        trainer.fit(x, y, epochs=2, batch_size=16)
        return trainer

    first, second, third = trained(3), trained(3), trained(4)
    assert everything(first) == everything(second) and figures(first) == figures(second)
    assert figures(first) != figures(third)


def test_fitting_again_goes_on_and_numbers_epochs_on():
    once, twice = classifier(), classifier()
    once.fit(x, y, epochs=3, batch_size=16)
    twice.fit(x, y, epochs=1, batch_size=16)
    twice.fit(x, y, epochs=2, batch_size=16)
    assert everything(once) == everything(twice) and figures(once) == figures(twice)


def test_no_epochs_build_the_model_and_train_nothing():
    trainer = classifier()
    assert trainer.fit(x, y, epochs=0).epochs == []
    assert trainer.arena.step == 0


@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulated_batches_update_like_one_large_batch(accumulate):
    small, large = linear(), linear()
    small.fit(x[:64], y[:64], epochs=3, batch_size=8, accumulate=accumulate, shuffle=False)
    large.fit(x[:64], y[:64], epochs=3, batch_size=8 * accumulate, shuffle=False)
    assert np.allclose(small.arena.value, large.arena.value, rtol=1e-5, atol=1e-6)
    assert small.arena.optimizer_states[small.optimizer].count == 3 * 8 // accumulate


def test_a_short_last_group_is_averaged_over_its_own_batches():
    grouped, by_hand = linear(), linear()
    grouped.fit(x[:24], y[:24], batch_size=8, accumulate=2, shuffle=False)
    by_hand.step(x[:16], y[:16])
    by_hand.step(x[16:24], y[16:24])
    assert np.allclose(grouped.arena.value, by_hand.arena.value, rtol=1e-5, atol=1e-6)


def test_the_short_last_batch_trains_unless_it_is_dropped():
    whole, dropped = linear(), linear()
    whole.fit(x, y, batch_size=32)
    dropped.fit(x, y, batch_size=32, drop_last=True)
    assert (whole.arena.step, dropped.arena.step) == (3, 2)


def test_the_loss_of_many_batches_is_the_mean_over_samples():
    trainer, kept = linear(lr=0.0), []

    class Count(Callback):
        def on_batch_end(self, trainer):
            kept.append(len(trainer.tally.unread))

    trainer.fit(x, y, batch_size=1, callbacks=[Count()])
    assert len(kept) == 70 and max(kept) < 32
    assert np.isclose(trainer.history["loss"][0], trainer.evaluate(x, y, batch_size=70)["loss"], rtol=1e-6)


def test_the_loss_of_an_epoch_is_the_weighted_mean_over_uneven_batches():
    for weight in (None, np.random.default_rng(0).uniform(0, 3, 70)):
        trainer = linear(lr=0.0)
        trainer.fit(x, y, batch_size=32, sample_weight=weight)  # batches of 32, 32 and 6
        logits = trainer.predict(x).astype("float64")
        chosen = np.take_along_axis(logits, y[:, None], 1)[:, 0]
        expected = np.average(np.log(np.exp(logits).sum(1)) - chosen, weights=weight)
        assert np.isclose(trainer.history["loss"][0], expected, rtol=1e-6)


def test_the_ninth_shape_of_batch_warns():
    trainer = linear()
    batches = [(x[:rows], y[:rows]) for rows in range(2, 11)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(batches[:8])
        assert not caught
        trainer.fit(batches)
    assert "9 different batch shapes" in str(caught[0].message)


def test_memory_grows_by_the_history_alone():
    trainer = classifier()
    trainer.fit(x, y, batch_size=1, epochs=2)

    def retained(epochs):
        gc.collect()
        tracemalloc.start()
        trainer.fit(x, y, batch_size=1, epochs=epochs)
        gc.collect()
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    assert retained(12) - retained(2) < 10 * 1000  # an epoch is 70 steps, and a figure of the history about 100 bytes
