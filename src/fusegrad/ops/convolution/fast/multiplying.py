"""What one thread does of y = f(x * weights + bias), for Numba; see `drivers`.

Block by block of images, and chunk by chunk of the outputs of these: planes of vectors are filled as far as the chunk
sees, and sums of a panel of channels are made beside them, to be written when all are there.
"""

from __future__ import annotations

from typing import Any

from fusegrad.ops.convolution.fast.drivers import clear, fetch_row, fill
from fusegrad.ops.convolution.fast.vectors import CHUNK, activated, biased, claim, product, put_h, put_y


def multiply(
    x: Any,
    weights: Any,
    bias: Any,
    y: Any,
    h: Any,
    blocks: Any,
    space: Any,
    shape: Any,
    table: Any,
    out: Any,
    tiles: Any,
    offsets: Any,
) -> None:
    """y = f(h), h = x * weights + bias, of some blocks; h and bias may be None."""
    buffer = space.ctypes.data
    clear(buffer, shape, table)
    for block in range(blocks[0], blocks[1]):
        for chunk in range(tiles.chunks.size - 1):
            fill(x, buffer, block, tiles.rows[chunk], tiles.rows[chunk + 1], shape, table)
            coming, fetched = rows_coming(block, blocks[1], chunk, shape, tiles), 0
            for panel in range(shape.groups * shape.panels):
                fetched = multiply_panel(
                    x, weights, y, buffer, panel, block, chunk, coming, fetched, shape, table, out, tiles, offsets
                )
                put_panel(bias, y, h, space, panel, block, chunk, shape, out, tiles)


def rows_coming(block: int, end: int, chunk: int, shape: Any, tiles: Any) -> Any:
    """The block and the first of the rows that will be read next, how many, and in how many steps to ask for them."""
    after, following = (chunk + 1, block) if chunk + 2 < tiles.chunks.size else (0, block + 1)
    rows = tiles.rows[after + 1] - tiles.rows[after] if following < end else 0
    steps = shape.groups * shape.panels * (tiles.chunks[chunk + 1] - tiles.chunks[chunk])
    return following, tiles.rows[after], rows * shape.groups * shape.inner, steps


def multiply_panel(
    x: Any,
    weights: Any,
    y: Any,
    buffer: int,
    panel: int,
    block: int,
    chunk: int,
    coming: Any,
    fetched: int,
    shape: Any,
    table: Any,
    out: Any,
    tiles: Any,
    offsets: Any,
) -> int:
    """The sums of a panel behind the buffer, while memory is asked for; how many of the rows coming were, so far."""
    following, first_row, wanted, steps = coming
    group, row = panel // shape.panels, panel % shape.panels * shape.rows
    first, last = tiles.chunks[chunk], tiles.chunks[chunk + 1]
    target, starts = y.ctypes.data + (group * shape.outer + row) * shape.y_bytes, out.starts[block].ctypes.data
    lines = (tiles.starts[chunk + 1] - tiles.starts[chunk] + 15) // 16
    claimed, claims = 0, lines * min(shape.rows, shape.outer - row)
    for tile in range(first, last):
        tap = tiles.first_taps[tile] * shape.inner
        product(
            weights.ctypes.data + (panel * shape.depth + tap) * shape.rows * 4,
            buffer + group * shape.inner * shape.plane_bytes,
            offsets.ctypes.data + 8 * tap,
            tiles.tap_counts[tile] * shape.inner,
            tiles.positions[tile].ctypes.data,
            buffer + shape.planes_bytes,
            tiles.targets[tile].ctypes.data,
            CHUNK * shape.size,
        )
        done = tile + 1 - first
        while fetched * steps < wanted * (panel * (last - first) + done):
            fetch_row(x, fetched, following, first_row, shape, table)
            fetched += 1
        while claimed * (last - first) < claims * done:
            place = 4 * tiles.starts[chunk] + claimed % lines * 64
            claim(target + claimed // lines * shape.y_bytes, starts, place)
            claimed += 1
    return fetched


def put_panel(
    bias: Any, y: Any, h: Any, space: Any, panel: int, block: int, chunk: int, shape: Any, out: Any, tiles: Any
) -> None:
    """h and y of a panel, from its sums behind the buffer."""
    group, row = panel // shape.panels, panel % shape.panels * shape.rows
    begin, end, height = tiles.starts[chunk], tiles.starts[chunk + 1], CHUNK * shape.size
    starts, counts = out.starts[block].ctypes.data, out.counts[block].ctypes.data
    for i in range(min(shape.rows, shape.outer - row)):
        channel, sums = group * shape.outer + row + i, shape.planes_bytes + i * height
        line = space[sums // 4 : sums // 4 + (end - begin) * shape.lanes]
        if bias is not None:
            biased(line, bias[channel])
        if h is not None:
            for done in range(begin, end, shape.lanes):
                place = line.ctypes.data + (done - begin) * shape.size
                put_h(place, h.ctypes.data + channel * shape.y_bytes, starts, counts, done)
        activated(line)
        for done in range(begin, end, shape.lanes):
            place = line.ctypes.data + (done - begin) * shape.size
            put_y(place, y.ctypes.data + channel * shape.y_bytes, starts, counts, done)
