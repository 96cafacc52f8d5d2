"""What one thread does of a weight gradient, for Numba; see `drivers`.

Block by block of images: behind the planes of vectors come the output gradients, as panels of vectors by place and row.
A tile of rows and taps is summed over a stretch of places at a time, so that its panel stays near.
"""

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
            fill(x, buffer, block, 0, table.places.size, shape, table)
            fill_slopes(dy, buffer + shape.planes_bytes, block, positions.size, shape, out)
            weigh_block(x, dy, parts[part], following, buffer, shape, table, out, positions, offsets, spans)


def fill_slopes(dy: Any, slopes: int, block: int, places: int, shape: Any, out: Any) -> None:
    """Panels of vectors, by place and row, from the output gradients of a block."""
    height = shape.rows * shape.size
    starts, counts = out.starts[block].ctypes.data, out.counts[block].ctypes.data
    for panel in range(shape.groups * shape.panels):
        group, row = panel // shape.panels, panel % shape.panels * shape.rows
        for i in range(min(shape.rows, shape.outer - row)):
            source = dy.ctypes.data + (group * shape.outer + row + i) * shape.y_bytes
            for done in range(0, places, shape.lanes):
                place = slopes + panel * (places + shape.lanes) * height + done * height + i * shape.size
                rows_in(source, starts, counts, done, place, height)


def weigh_block(
    x: Any,
    dy: Any,
    sums: Any,
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
    panels, tiles = shape.groups * shape.panels, offsets.shape[0]
    stretches = max(1, (positions.size + STRETCH // 2) // STRETCH)
    lines = (positions.size + 15) // 16
    rows = table.places.size * shape.groups * shape.inner
    wanted = rows + shape.groups * shape.outer * lines
    fetched, done, steps = 0, 0, panels * stretches * tiles
    for turn in range(panels * stretches):
        begin, end = turn // panels * positions.size // stretches, (turn // panels + 1) * positions.size // stretches
        for tile in range(tiles):
            first, last = max(begin, spans[tile, 0]), min(end, spans[tile, 1])
            if first < last:
                weigh_tile(sums, turn % panels, tile, first, last, buffer, shape, positions, offsets)
            done += 1
            while following >= 0 and fetched * steps < wanted * done:
                if fetched < rows:
                    fetch_row(x, fetched, following, 0, shape, table)
                else:  # in a function of its own, references to its arrays would be counted at every line
                    channel, line = (fetched - rows) // lines, (fetched - rows) % lines
                    fetch(dy.ctypes.data + channel * shape.y_bytes, out.starts[following].ctypes.data, line * 64)
                fetched += 1


def weigh_tile(
    sums: Any, panel: int, tile: int, first: int, last: int, buffer: int, shape: Any, positions: Any, offsets: Any
) -> None:
    """The sums of a tile of rows and taps += Σ dy x over the places first .. last."""
    height = shape.rows * shape.size
    slopes = buffer + shape.planes_bytes + panel * (positions.size + shape.lanes) * height
    correlation(
        slopes + first * height,
        buffer + panel // shape.panels * shape.inner * shape.plane_bytes,
        offsets[tile].ctypes.data,
        positions.ctypes.data + 8 * first,
        last - first,
        sums.ctypes.data + (panel * offsets.size + tile * offsets.shape[1]) * shape.rows * 4,
    )
