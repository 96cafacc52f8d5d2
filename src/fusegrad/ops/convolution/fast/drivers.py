"""What both drivers of the vector code do, for Numba: `multiplying` and `weighing`.

The text of these functions goes into a generated module, which defines what is declared in `vectors`.  Sizes named
…_bytes are distances, and addresses are numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusegrad.ops.convolution.fast.vectors import fetch, rows_in, zero_vector


class Shape(NamedTuple):
    """Numbers of a product: `outer` sums of `depth` numbers over `inner` channels, in each of the groups.

    A vector has `lanes` floats and `size` bytes; `panels` of `rows` channels are the sums of a group.
    """

    lanes: int
    size: int
    groups: int
    inner: int
    outer: int
    rows: int
    panels: int
    depth: int
    plane_bytes: int
    planes_bytes: int
    x_bytes: int
    y_bytes: int


def fill(x: Any, buffer: Any, block: int, first: int, last: int, shape: Any, table: Any) -> None:
    """Rows first .. last of the planes of vectors in the buffer, from the images of a block."""
    for channel in range(shape.groups * shape.inner):
        plane, source = buffer + channel * shape.plane_bytes, x.ctypes.data + channel * shape.x_bytes
        for i in range(first, last):
            starts, counts = table.starts[block, i].ctypes.data, table.counts[block, i].ctypes.data
            for done in range(0, table.columns, shape.lanes):
                place = plane + table.places[i] + done * shape.size
                rows_in(source, starts, counts, done, place, shape.size)


def clear(buffer: Any, shape: Any, table: Any) -> None:
    """Zeros where the planes are padded."""
    for channel in range(shape.groups * shape.inner):
        for i in range(table.pads.size):
            zero_vector(buffer + channel * shape.plane_bytes + table.pads[i])


def fetch_row(x: Any, number: int, block: int, first: int, shape: Any, table: Any) -> None:
    """Ask for one of the rows from `first` on, of all channels; `number` counts rows, then channels."""
    channels = shape.groups * shape.inner
    row, channel = first + number // channels, number % channels
    starts, source = table.starts[block, row].ctypes.data, x.ctypes.data + channel * shape.x_bytes
    for done in range(0, 4 * table.columns, 64):
        fetch(source, starts, done)


def gather(source: Any, places: Any, out: Any) -> None:
    """out = source[places], 0 where a place is negative."""
    for i in range(places.size):
        place = places[i]
        out[i] = source[place] if place >= 0 else np.float32(0)


def add_up(parts: Any, places: Any, add: bool, out: Any) -> None:
    """out = Σ of parts[:, places], or += that."""
    for i in range(places.size):
        place = places[i]
        total = out[i] if add else np.float32(0)
        for part in range(parts.shape[0]):
            total += parts[part, place]
        out[i] = total
