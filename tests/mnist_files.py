"""IDX files such as those of MNIST, small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def idx(array: Any, code: int = 8) -> bytes:
    """The file of an array whose dtype has this code; 8 is that of bytes."""
    return bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def put_mnist(folder: Path, rows: int = 100) -> None:
    """The test part of a data set in which the place of a bar tells the class."""
    labels = (np.arange(rows) % 10).astype("uint8")
    images = np.random.default_rng(0).integers(0, 60, (rows, 28, 28), "uint8")
    for image, label in zip(images, labels, strict=True):
        image[4 + 2 * label : 6 + 2 * label, 4:24] = 255
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(images))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(labels))
