"""What one thread does of a weight gradient, for Numba; see `drivers`."""

from __future__ import annotations

from typing import Any

from fusegrad.ops.convolution.fast.drivers import clear, fetch_row, fill
from fusegrad.ops.convolution.fast.vectors import STRETCH, correlation, fetch, rows_in


def weigh(
    x: Any,
    dy: Any,
    parts: Any,
    cuts: Any,
    wanted: Any,
    space: Any,
    shape: Any,
    table: Any,
    out: Any,
    positions: Any,
    offsets: Any,
    spans: Any,
) -> None:
    """parts[i] = Σ dy x, by panel of rows, tap and row, of the blocks from cuts[i] to cuts[i + 1], for i in wanted."""
    buffer = space.ctypes.data
    clear(buffer, shape, table)
    for part in range(wanted[0], wanted[1]):
        parts[part, :] = 0
        for block in range(cuts[part], cuts[part + 1]):
            following = block + 1 if block + 1 < cuts[wanted[1]] else -1
            weigh_block(x, dy, parts[part], block, following, buffer, shape, table, out, positions, offsets, spans)


def weigh_block(
    x: Any,
    dy: Any,
    sums: Any,
    block: int,
    following: int,
    buffer: int,
    shape: Any,
    table: Any,
    out: Any,
    positions: Any,
    offsets: Any,
    spans: Any,
) -> None:
    """sums += Σ dy x of a block, while memory is asked for the block that follows, if one does."""
    slopes = buffer + shape.groups * shape.inner * shape.plane_bytes
    panels, height = -(-shape.outer // shape.rows), shape.rows * shape.size
    panel_bytes = (positions.size + shape.lanes) * height
    fill(x, buffer, block, 0, table.places.size, shape, table)
    fill_slopes(dy, slopes, block, positions.size, shape, out)
    lines = (positions.size + 15) // 16
    rows = table.places.size * shape.groups * shape.inner
    wanted = rows + shape.groups * shape.outer * lines if following >= 0 else 0
    stretches = max(1, (positions.size + STRETCH // 2) // STRETCH)
    fetched, taken, steps = 0, 0, shape.groups * panels * stretches * offsets.shape[0]
    for turn in range(shape.groups * panels * stretches):
        stretch, panel = turn // (shape.groups * panels), turn % (shape.groups * panels)
        planes = buffer + panel // panels * shape.inner * shape.plane_bytes
        begin, end = stretch * positions.size // stretches, (stretch + 1) * positions.size // stretches
        for tile in range(offsets.shape[0]):
            first, last = max(begin, spans[tile, 0]), min(end, spans[tile, 1])
            if first < last:
                correlation(
                    slopes + panel * panel_bytes + first * height,
                    planes,
                    offsets[tile].ctypes.data,
                    positions.ctypes.data + 8 * first,
                    last - first,
                    sums.ctypes.data + (panel * offsets.size + tile * offsets.shape[1]) * shape.rows * 4,
                )
            taken += 1
            while fetched * steps < wanted * taken:
                if fetched < rows:
                    fetch_row(x, fetched, following, 0, shape, table)
                else:
                    channel, line = (fetched - rows) // lines, (fetched - rows) % lines
                    fetch(dy.ctypes.data + channel * shape.y_bytes, out.starts[following].ctypes.data, line * 64)
                fetched += 1


def fill_slopes(dy: Any, slopes: int, block: int, places: int, shape: Any, out: Any) -> None:
    """Panels of vectors, by place and row, from the output gradients of a block."""
    panels, height = -(-shape.outer // shape.rows), shape.rows * shape.size
    starts, counts = out.starts[block].ctypes.data, out.counts[block].ctypes.data
    for panel in range(shape.groups * panels):
        group, row = panel // panels, panel % panels * shape.rows
        for i in range(min(shape.rows, shape.outer - row)):
            source = dy.ctypes.data + (group * shape.outer + row + i) * shape.y_bytes
            for done in range(0, places, shape.lanes):
                place = slopes + panel * (places + shape.lanes) * height + done * height + i * shape.size
                rows_in(source, starts, counts, done, place, height)
