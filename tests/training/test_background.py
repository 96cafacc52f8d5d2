"""Batches from another thread: the same, in the same order, and no thread that outlives its use."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import fusegrad as fg


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "fusegrad batches"]


def test_batches_come_in_order_as_often_as_they_are_asked_for():
    batches = fg.data.background(list(range(10)), ahead=3)
    assert list(batches) == list(batches) == list(range(10))
    assert threads() == []


def test_no_more_than_asked_for_are_made_ahead():
    made = []
    third = threading.Event()

    def source():
        for number in range(20):
            made.append(number)
            if number == 2:
                third.set()
            yield number

    iterator = iter(fg.data.background(source(), ahead=2))
    assert next(iterator) == 0
    assert third.wait(5)  # while 0 is used, 1 and 2 are made
    assert made == [0, 1, 2]
    iterator.close()
    assert threads() == []


def test_what_the_thread_raises_comes_where_the_batch_would_have_come():
    def source():
        yield 1
        raise KeyError("lost")

    iterator = iter(fg.data.background(source()))
    assert next(iterator) == 1
    with pytest.raises(KeyError, match="lost"):
        next(iterator)
    assert threads() == []


def test_of_batches_that_come_once_there_are_no_more_epochs():
    assert next(fg.data.background(iter([1, 2]))) == 1
    x = np.zeros((4, 3), "float32")
    trainer = fg.Trainer(fg.layers.Linear(2), fg.losses.MSE(), fg.optimizers.Adam(1e-2))
    with pytest.raises(ValueError, match="can be gone through only once, not in 2 epochs"):
        trainer.fit(fg.data.background((x, x[:, :2]) for _ in range(3)), epochs=2)
    assert threads() == []


def test_ahead_must_be_positive():
    with pytest.raises(ValueError, match="ahead expects at least 1, got 0"):
        fg.data.background([], ahead=0)


def test_fit_trains_on_them_as_on_the_batches_themselves():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    batches = [(x[i : i + 10], x[i : i + 10, :2]) for i in range(0, 40, 10)]
    found = []
    for source in (batches, fg.data.background(batches)):
        trainer = fg.Trainer(fg.layers.Linear(2), fg.losses.MSE(), fg.optimizers.Adam(1e-2))
        trainer.fit(source, epochs=3)
        found.append(trainer.model.state_dict() if hasattr(trainer.model, "state_dict") else trainer.arena.state_dict())
    for name, array in found[0].items():
        np.testing.assert_array_equal(found[1][name], array)
