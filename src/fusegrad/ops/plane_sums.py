"""NumPy's way to sums over samples and places: products with ones, which are up to five times faster than `sum`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fusegrad.ops.matmul import matmul
from fusegrad.ops.op import Bound


class PlaneSums:
    """The sums of an array (batch, channels, places) for each channel, with space of its own."""

    def __init__(self, cube: Any) -> None:
        batch, channels, places = cube.shape
        self.rows = cube
        self.sum_places: Bound | None = None
        if places > 1:
            self.rows = np.empty((batch, channels, 1), cube.dtype)
            self.sum_places = matmul.bound("numpy", cube, np.ones((places, 1), cube.dtype), self.rows)

    def add_to(self, totals: Any) -> None:
        """totals (channels,) += the sums of what the array has now."""
        if self.sum_places is not None:
            self.sum_places()
        np.add(totals, self.rows.sum(axis=(0, 2)), out=totals)


def adding(cube: Any, totals: Any) -> Bound:
    """What adds the sums of `cube` to totals (channels,)."""
    return partial(PlaneSums(cube).add_to, totals)
