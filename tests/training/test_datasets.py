"""The data sets of scikit-learn, split and scaled."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fusegrad import layers, losses, optimizers
from fusegrad.errors import MissingExtra
from fusegrad.training import Trainer
from fusegrad.training.datasets import DATASETS, load

pytest.importorskip("sklearn", reason="scikit-learn brings the data")


@pytest.mark.parametrize("name", DATASETS)
def test_a_quarter_is_held_out_and_columns_are_scaled(name):
    split = load(name, seed=3)
    rows = len(split.x_train) + len(split.x_test)
    assert abs(len(split.x_test) / rows - 0.25) < 0.015
    assert split.x_train.dtype == split.x_test.dtype == "float32"
    if name == "digits":
        assert split.x_train.min() == 0 and split.x_train.max() == 1
    else:
        assert np.allclose(split.x_train.mean(0), 0, atol=1e-5) and np.allclose(split.x_train.std(0), 1, atol=1e-4)


@pytest.mark.parametrize(("name", "classes"), [("digits", 10), ("iris", 3), ("wine", 3), ("breast_cancer", 2)])
def test_every_class_is_in_both_parts_alike(name, classes):
    split = load(name, seed=1)
    assert (split.task, split.classes) == ("classification", classes)
    train, test = (np.bincount(part) / len(part) for part in (split.y_train, split.y_test))
    assert len(train) == classes and np.allclose(train, test, atol=0.02)


def test_diabetes_keeps_what_r2_means():
    split = load("diabetes", seed=0)
    assert (split.task, split.classes) == ("regression", None)
    assert split.y_train.shape == (len(split.x_train), 1) and split.y_train.dtype == "float32"
    assert np.isclose(min(split.y_train.min(), split.y_test.min()), 0.25)
    network = layers.Sequential(layers.Linear(32), layers.ReLU(), layers.Linear(1))
    trainer = Trainer(network, losses.MSE(), optimizers.AdamW(3e-3, weight_decay=0.1), metrics="r2", backend="cpu")
    trainer.fit(split.x_train, split.y_train, epochs=40)
    assert trainer.evaluate(split.x_test, split.y_test)["r2"] > 0.35


def test_the_seed_decides_the_split():
    first, second, third = load("iris", 0), load("iris", 0), load("iris", 1)
    assert np.array_equal(first.x_test, second.x_test) and not np.array_equal(first.x_test, third.x_test)


def test_faults_are_named(monkeypatch):
    with pytest.raises(ValueError, match='unknown data set "digit"; perhaps you meant "digits"'):
        load("digit")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.datasets", raising=False)
    with pytest.raises(MissingExtra, match=r"the data set iris needs s.*pip install"):
        load("iris")
