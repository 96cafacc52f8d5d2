"""MNIST, and what comes in the same files: Fashion-MNIST, KMNIST, QMNIST."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.training.datasets import Split, held_out
from fusegrad.training.idx import read_idx

TRAIN, TEST = "train", "t10k"
KINDS = ("images", 3), ("labels", 1)  # of files, and their axes
SHARE = 5  # of the test images, one part of so many tests where there is nothing else


def load_mnist(folder: str | PathLike[str], seed: int = 0) -> Split:
    """Images (rows, 1, 28, 28) in 0 .. 1 and labels, from the IDX files of that name in `folder`, compressed or not.

    Trains on train-images-idx3-ubyte and tests on t10k-images-idx3-ubyte, whose names may begin with anything; where a
    folder has only the latter, a fifth of them, drawn by `seed`, is for testing.  Raises ValueError where a file is
    missing, where there are several of a kind, and where images and labels do not fit each other.
    """
    place = Path(folder)
    if not place.is_dir():
        raise ValueError(f"MNIST expects a folder, got {place}")
    x, y = read_part(place, TEST)
    if not any(find(place, TRAIN, what, axes) for what, axes in KINDS):
        test = held_out(y, seed, stratified=False, share=SHARE)
        return split_of(x[~test], y[~test], x[test], y[test])
    return split_of(*read_part(place, TRAIN), x, y)


def split_of(x_train: Any, y_train: Any, x_test: Any, y_test: Any) -> Split:
    return Split(x_train, y_train, x_test, y_test, "classification", int(max(y_train.max(), y_test.max())) + 1)


def read_part(folder: Path, part: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images and labels of the training or the test part."""
    images, labels = (read_file(folder, part, what, axes) for what, axes in KINDS)
    if len(images) != len(labels):
        raise ValueError(f"{folder} expects as many {part} labels as images, {len(images)}, got {len(labels)}")
    return (images[:, None] / np.float32(255)).astype("float32"), labels.astype("int64")


def read_file(folder: Path, part: str, what: str, axes: int) -> NDArray[Any]:
    file = find(folder, part, what, axes)
    if file is None:
        raise ValueError(f"{folder} expects {name_of(part, what, axes)} or the same with .gz, got neither")
    array = read_idx(file)
    if array.ndim != axes or array.dtype != "uint8" or not array.size:
        raise ValueError(f"{file} expects bytes of {axes} axes, got {array.dtype} {array.shape}")
    return array


def find(folder: Path, part: str, what: str, axes: int) -> Path | None:
    """The file of that name, or the one that ends so; ValueError where several do."""
    name = name_of(part, what, axes)
    for pattern in (name, f"{name}.gz", f"*{name}", f"*{name}.gz"):
        files = sorted(folder.glob(pattern))
        if len(files) > 1:
            raise ValueError(f"{folder} expects one file {pattern}, got {', '.join(file.name for file in files)}")
        if files:
            return files[0]
    return None


def name_of(part: str, what: str, axes: int) -> str:
    return f"{part}-{what}-idx{axes}-ubyte"
