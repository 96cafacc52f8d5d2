"""Weights as tiles read them: by group, panel of rows, tap or channel, and row."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.convolution.fast.layout import Layout


def packed_places(weights: Any, layout: Layout, taps: Any) -> Any:
    """Where in the weight every packed one is, by group, panel, tap, channel and row; -1 for a row too many.

    `weights` has the places by group, outer and inner channel, and tap.
    """
    groups, outer, inner = weights.shape[:3]
    places = np.full((groups, layout.panels * layout.rows, inner, len(taps)), -1, index_type(weights.size))
    places[:, :outer] = weights[..., taps]
    panels = places.reshape(groups, layout.panels, layout.rows, inner, len(taps)).transpose(0, 1, 4, 3, 2)
    return np.ascontiguousarray(panels).reshape(-1)


def summed_places(layout: Layout, columns: int, taps: int) -> Any:
    """Where the sum of every weight is among those by group, panel, column and row, of `columns` in whole tiles."""
    sizes, panels, rows = layout.sizes, layout.panels, layout.rows
    shape = sizes.groups, panels, columns, rows
    used = sizes.inner * taps
    place = np.arange(sums_of(layout, columns), dtype=index_type(sums_of(layout, columns))).reshape(shape)
    by_row = place[:, :, :used].swapaxes(2, 3).reshape(sizes.groups, panels * rows, used)
    return np.ascontiguousarray(by_row[:, : sizes.outer]).reshape(-1)


def sums_of(layout: Layout, columns: int) -> int:
    """How many sums there are of a weight gradient, with those of rows and columns too many."""
    return layout.sizes.groups * layout.panels * columns * layout.rows


def index_type(size: int) -> Any:
    """The smaller type that numbers below `size` fit in: tables are as large as weights."""
    return np.int32 if size <= np.iinfo(np.int32).max else np.int64
