"""What one thread does of y = f(x * weights + bias), for Numba; see `drivers`."""

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
    buffer, height = space.ctypes.data, CHUNK * shape.size
    scratch = buffer + shape.groups * shape.inner * shape.plane_bytes
    kept = space[(scratch - buffer) // 4 :]
    panels = -(-shape.outer // shape.rows)
    clear(buffer, shape, table)
    for block in range(blocks[0], blocks[1]):
        starts, counts = out.starts[block].ctypes.data, out.counts[block].ctypes.data
        for chunk in range(tiles.chunks.size - 1):
            fill(x, buffer, block, tiles.rows[chunk], tiles.rows[chunk + 1], shape, table)
            begin, end = tiles.starts[chunk], tiles.starts[chunk + 1]
            count = tiles.chunks[chunk + 1] - tiles.chunks[chunk]
            coming, following = (chunk + 1, block) if chunk + 2 < tiles.chunks.size else (0, block + 1)
            rows_coming = tiles.rows[coming + 1] - tiles.rows[coming] if following < blocks[1] else 0
            wanted, steps = rows_coming * shape.groups * shape.inner, shape.groups * panels * count
            fetched, done_steps = 0, 0
            for panel in range(shape.groups * panels):
                group, row = panel // panels, panel % panels * shape.rows
                target = y.ctypes.data + (group * shape.outer + row) * shape.y_bytes
                lines = (end - begin + 15) // 16
                claimed, claims = 0, lines * min(shape.rows, shape.outer - row)
                for tile in range(tiles.chunks[chunk], tiles.chunks[chunk + 1]):
                    tap = tiles.first_taps[tile] * shape.inner
                    product(
                        weights.ctypes.data + (panel * shape.depth + tap) * shape.rows * 4,
                        buffer + group * shape.inner * shape.plane_bytes,
                        offsets.ctypes.data + 8 * tap,
                        tiles.tap_counts[tile] * shape.inner,
                        tiles.positions[tile].ctypes.data,
                        scratch,
                        tiles.targets[tile].ctypes.data,
                        height,
                    )
                    done_steps += 1
                    while fetched * steps < wanted * done_steps:
                        fetch_row(x, fetched, following, tiles.rows[coming], shape, table)
                        fetched += 1
                    while claimed * count < claims * (tile + 1 - tiles.chunks[chunk]):
                        claim(target + claimed // lines * shape.y_bytes, starts, 4 * begin + claimed % lines * 64)
                        claimed += 1
                for i in range(min(shape.rows, shape.outer - row)):
                    channel = group * shape.outer + row + i
                    line = kept[i * height // 4 : i * height // 4 + (end - begin) * shape.lanes]
                    if bias is not None:
                        biased(line, bias[channel])
                    if h is not None:
                        for done in range(begin, end, shape.lanes):
                            at = scratch + i * height + (done - begin) * shape.size
                            put_h(at, h.ctypes.data + channel * shape.y_bytes, starts, counts, done)
                    activated(line)
                    for done in range(begin, end, shape.lanes):
                        at = scratch + i * height + (done - begin) * shape.size
                        put_y(at, y.ctypes.data + channel * shape.y_bytes, starts, counts, done)
