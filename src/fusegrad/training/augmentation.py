"""Random changes of images, (batch, channels, height, width), that leave their labels as they are.

A transformation is a function `(images, draws) -> images`: of images that are its own to change, and of random numbers
for each of them (see `Draws`), all images at once.  One's own is as good as those here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fusegrad.training.checks import whole_number
from fusegrad.training.draws import Draws as Draws  # what a transformation is given


class Flip:
    """Mirrors images with a probability, left to right, or upside down with `axis` -2.

    Raises ValueError for another axis, and for a probability outside 0 .. 1.
    """

    moves = True

    def __init__(self, axis: int = -1, probability: float = 0.5) -> None:
        if axis not in (-2, -1, 2, 3):
            raise ValueError(f"Flip expects axis 2 or 3, or -2 or -1, of (batch, channels, height, width), got {axis}")
        if not isinstance(probability, int | float | np.number) or not 0 <= probability <= 1:
            raise ValueError(f"Flip expects a probability in 0 .. 1, got {probability!r}")
        self.axis, self.probability = axis, probability

    def __call__(self, images: Any, draws: Draws) -> Any:
        chosen = draws.uniform(1)[:, 0] < self.probability
        images[chosen] = np.flip(images[chosen], self.axis)
        return images

    def __repr__(self) -> str:
        return f"Flip({self.axis}, {self.probability})"


class Crop:
    """Cuts (height, width) = `size` out of images with `padding` pixels of `fill` around them, anywhere.

    Raises ValueError for a size that does not fit.
    """

    moves = True

    def __init__(self, size: int | tuple[int, int], padding: int = 0, fill: float = 0.0) -> None:
        pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
        self.size = tuple(whole_number(extent, "the size of a Crop", least=1) for extent in pair)
        if len(self.size) != 2:
            raise ValueError(f"the size of a Crop expects height and width, got {size}")
        self.padding, self.fill = whole_number(padding, "the padding of a Crop", least=0), fill

    def __call__(self, images: Any, draws: Draws) -> Any:
        return moved(images, draws, self.size, self.padding, self.fill)

    def __repr__(self) -> str:
        return f"Crop({self.size}, {self.padding}, {self.fill})"


class Shift:
    """Moves images by up to `pixels` in either direction of both axes; `fill` comes in from outside."""

    moves = True

    def __init__(self, pixels: int, fill: float = 0.0) -> None:
        self.pixels, self.fill = whole_number(pixels, "the pixels of a Shift", least=0), fill

    def __call__(self, images: Any, draws: Draws) -> Any:
        return moved(images, draws, images.shape[2:], self.pixels, self.fill)

    def __repr__(self) -> str:
        return f"Shift({self.pixels}, {self.fill})"


class Cutout:
    """Fills a square of `size` pixels, whose centre is anywhere in the image, with `fill`.

    DeVries and Taylor, 2017, arXiv:1708.04552.
    """

    def __init__(self, size: int, fill: float = 0.0) -> None:
        self.size, self.fill = whole_number(size, "the size of a Cutout", least=1), fill

    def __call__(self, images: Any, draws: Draws) -> Any:
        rows, columns = (
            self.covered(extent, number) for extent, number in zip(images.shape[2:], draws.uniform(2).T, strict=True)
        )
        hole = rows[:, None, :, None] & columns[:, None, None, :]
        np.copyto(images, images.dtype.type(self.fill), where=hole)
        return images

    def covered(self, extent: int, number: Any) -> Any:
        """Which places along an axis lie in the squares, (batch, extent)."""
        starts = np.floor(number * extent).astype("int64") - self.size // 2
        places = np.arange(extent) - starts[:, None]
        return (places >= 0) & (places < self.size)

    def __repr__(self) -> str:
        return f"Cutout({self.size}, {self.fill})"


def moved(images: Any, draws: Draws, size: tuple[int, ...], padding: int, fill: float) -> Any:
    """A window of `size` of each padded image, drawn from all that there are."""
    around = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    padded = np.pad(images, around, constant_values=fill)
    spare = [extent - wanted for extent, wanted in zip(padded.shape[2:], size, strict=True)]
    if min(spare) < 0:
        raise ValueError(f"Crop expects images of at least {size} with their padding, got {padded.shape[2:]}")
    top, left = (np.floor(n * (s + 1)).astype("int64") for n, s in zip(draws.uniform(2).T, spare, strict=True))
    windows = sliding_window_view(padded, size, axis=(2, 3))
    return windows[np.arange(len(images)), :, top, left]
