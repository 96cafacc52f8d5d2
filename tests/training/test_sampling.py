"""Rare classes: weights of a loss, and epochs in which all classes are alike."""

from __future__ import annotations

import numpy as np
import pytest

import fusegrad as fg

labels = np.repeat([0, 1, 2], [50, 7, 3])


def rows_of(sampler, epoch=0, seed=0):
    return sampler.at(np.arange(sampler.rows), seed, epoch)


def test_class_weights_are_those_of_scikit_learn():
    weights = fg.data.class_weights(labels)
    np.testing.assert_allclose(weights, [60 / (3 * 50), 60 / (3 * 7), 60 / (3 * 3)])
    reference = pytest.importorskip("sklearn.utils.class_weight", reason="scikit-learn is not installed")
    balanced = reference.compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(weights, balanced)


def test_every_class_comes_equally_often():
    for epoch in range(3):
        assert np.bincount(labels[rows_of(fg.data.Balanced(labels), epoch)]).tolist() == [20, 20, 20]
    counts = np.bincount(labels[rows_of(fg.data.Balanced(labels, rows=32))])
    assert counts.sum() == 32 and counts.max() - counts.min() <= 1


def test_no_row_of_a_class_comes_again_before_all_others_have():
    drawn = np.concatenate([rows_of(fg.data.Balanced(labels), epoch) for epoch in range(5)])
    for label in range(3):
        own = drawn[labels[drawn] == label]
        size = int((labels == label).sum())
        for start in range(0, len(own) - size + 1, size):
            assert len(set(own[start : start + size])) == size


def test_orders_depend_on_seed_and_epoch_alone():
    sampler = fg.data.Balanced(labels)
    np.testing.assert_array_equal(rows_of(sampler, 2, 5), rows_of(fg.data.Balanced(labels), 2, 5))
    assert not np.array_equal(rows_of(sampler, 2, 5), rows_of(sampler, 2, 6))
    some = np.array([3, 40, 7])
    np.testing.assert_array_equal(sampler.at(some, 1, 1), rows_of(sampler, 1, 1)[some])


def test_batches_and_fit_take_the_rows_of_a_sampler():
    x = np.arange(60, dtype="float32")[:, None]
    sampler = fg.data.Balanced(labels, rows=100)
    taken = [row for batch, _ in fg.data.batches(x, labels, 8, sampler=sampler) for row in batch[:, 0].astype(int)]
    assert sorted(taken) == sorted(rows_of(sampler).tolist())
    seen = []

    class Note(fg.callbacks.Callback):
        def on_batch_end(self, trainer):
            seen.append(trainer.position.batch)

    trainer = fg.Trainer(fg.layers.Linear(3), fg.losses.CrossEntropy(), fg.optimizers.Adam(1e-3))
    trainer.fit(x, labels, batch_size=8, sampler=sampler, callbacks=Note())
    assert seen == list(range(1, 14))


@pytest.mark.parametrize("wrong", [[], [[0, 1]], [0.5], [-1, 0]])
def test_what_is_no_label_is_named(wrong):
    for use in (fg.data.class_weights, fg.data.Balanced):
        with pytest.raises(ValueError, match=r"labels expect integers of at least 0, \(rows,\), got"):
            use(np.array(wrong))


def test_a_class_without_rows_and_rows_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"labels expect a row of every class 0 \.\. 2, got none of 1"):
        fg.data.Balanced([0, 2])
    with pytest.raises(ValueError, match=r"labels expect a row of every class 0 \.\. 1099511627776, got none of 1"):
        fg.data.class_weights([0, 2**40])
    sampler, x = fg.data.Balanced(labels), np.zeros((59, 1), "float32")
    with pytest.raises(ValueError, match="sampler expects 60 rows, as many as its labels, got 59"):
        list(fg.data.batches(x, labels[:59], sampler=sampler))
    trainer = fg.Trainer(fg.layers.Linear(3), fg.losses.CrossEntropy(), fg.optimizers.Adam(1e-3))
    with pytest.raises(ValueError, match="resident=True expects every row once in an epoch, got a sampler"):
        trainer.fit(np.zeros((60, 1), "float32"), labels, sampler=sampler, resident=True)
