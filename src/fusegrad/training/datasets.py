"""Small data sets that come with scikit-learn, split and scaled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.errors import perhaps, require_extra

Array = NDArray[Any]
Scale = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Split:
    """Data to train on and data to test with.

    x (rows, width), or images (rows, channels, height, width), float32; y (rows,) int64 labels in 0 .. classes-1, or
    (rows, 1) float32 for a regression, for which `classes` is None.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    task: str
    classes: int | None


def standardised(x: Array, reference: Array) -> Array:
    """Every column with mean 0 and deviation 1 in `reference`."""
    deviation = reference.std(0)
    scaled: Array = (x - reference.mean(0)) / np.where(deviation > 0, deviation, 1)
    return scaled


def sixteenths(x: Array, reference: Array) -> Array:
    """Pixels of 0 .. 16 as 0 .. 1."""
    return x / 16


DATASETS: dict[str, tuple[str, Scale]] = {
    "digits": ("classification", sixteenths),
    "iris": ("classification", standardised),
    "wine": ("classification", standardised),
    "breast_cancer": ("classification", standardised),
    "diabetes": ("regression", standardised),
}


def load(name: str, seed: int = 0) -> Split:
    """A data set, a quarter of it for testing, drawn by `seed` and, for a classification, from every class alike.

    "digits" 8x8 images of 10 digits, "iris" 3 species, "wine" 3 cultivars, "breast_cancer" 2 diagnoses; "diabetes" a
    regression, the course of a disease in hundreds of points of the original score, which leaves R² as it is.
    Raises ValueError for another name and MissingExtra without scikit-learn.
    """
    if name not in DATASETS:
        raise ValueError(f'unknown data set "{name}"{perhaps(name, DATASETS)}')
    task, scale = DATASETS[name]
    sources = require_extra("sklearn.datasets", "demo", f"the data set {name}")
    x, y = getattr(sources, f"load_{name}")(return_X_y=True)
    target = y.astype("int64") if task == "classification" else (y / 100).astype("float32")[:, None]
    test = held_out(y, seed, stratified=task == "classification")
    x_train, x_test = (scale(part, x[~test]).astype("float32") for part in (x[~test], x[test]))
    classes = int(target.max()) + 1 if task == "classification" else None
    return Split(x_train, target[~test], x_test, target[test], task, classes)


def held_out(y: Array, seed: int, stratified: bool, share: int = 4) -> NDArray[np.bool_]:
    """A mask of one row of so many as `share`, or of those of every class."""
    generator = np.random.default_rng(seed)
    groups = [np.flatnonzero(y == label) for label in np.unique(y)] if stratified else [np.arange(len(y))]
    test = np.zeros(len(y), bool)
    for rows in groups:
        test[generator.permutation(rows)[: round(len(rows) / share)]] = True
    return test
