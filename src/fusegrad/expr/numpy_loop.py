"""The evaluator that is always there: NumPy, block by block, so that temporaries stay in a cache."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from fusegrad.expr.loop import COLUMN, FULL, NUMBER, ROW, ROWS, Loop
from fusegrad.expr.numpy_text import NumpyText, numpy_text
from fusegrad.expr.scratch import block_size, scratch
from fusegrad.expr.threads import run_together, shares

LEAST_PER_THREAD = 1 << 18  # elements; with fewer, two threads were no faster than one
Arrays = Mapping[str, Any]
Tile = tuple[slice, slice]


@dataclass(frozen=True)
class Compiled:
    """The text of a loop and the functions that it defines."""

    text: NumpyText
    numbers: Callable[..., tuple[Any, ...]]
    block: Callable[..., None]


@dataclass(frozen=True)
class Source:
    """Where tracebacks find the text of a loop, as long as the loop is there."""

    text: str

    def get_source(self, name: str) -> str:
        return self.text


@lru_cache(maxsize=1024)
def compiled(loop: Loop, dtype: str) -> Compiled:
    text = numpy_text(loop, dtype)
    file = f"loop {loop.name}, {dtype}"
    namespace: dict[str, Any] = {"np": np, "__name__": file, "__loader__": Source(text.source)}
    exec(compile(text.source, file, "exec"), namespace)
    return Compiled(text, namespace["numbers"], namespace["block"])


def bind_numpy(loop: Loop, arrays: Arrays) -> Callable[[], None]:
    """The loop over these arrays as a function without arguments; it allocates nothing beyond its scratch.

    It is to be called under `np.errstate(all="ignore")`: overflow gives inf without a warning, as on a GPU.
    """
    shape = next(arrays[name].shape for name in loop.names() if loop.layout(name) == FULL)
    rows, columns = (1, int(np.prod(shape))) if loop.is_flat else (int(np.prod(shape[:-1])), shape[-1])
    tiled = {name: as_tile(loop.layout(name), arrays[name], rows, columns) for name in loop.names()}
    target = tiled[loop.assignments[0][0]]
    code = compiled(loop, target.dtype.name)
    size = block_size(code.text.temporaries, target.itemsize)
    call = Call(loop, code, tiled, target.itemsize)
    tiles = list(cut(rows, columns, size))
    if len(tiles) == 1 and not code.text.temporaries and not code.text.numbers:
        return partial(code.block, *call.views(tiles[0]), *code.numbers())
    if len(tiles) == 1:
        return partial(call.run_small, tiles[0])
    pieces = shares(len(tiles), max(1, LEAST_PER_THREAD // size), 1)
    if len(pieces) == 1:
        return partial(call.run, tiles)
    return partial(run_together, [partial(call.run, tiles[piece]) for piece in pieces])


def as_tile(layout: str, array: Any, rows: int, columns: int) -> Any:
    """A view of two axes that broadcasts over (rows, columns); a number as it is."""
    if layout == NUMBER:
        return array
    shape = {FULL: (rows, columns), ROWS: (rows, columns), ROW: (1, columns), COLUMN: (rows, 1)}[layout]
    view = array.reshape(shape)
    if not np.shares_memory(view, array) and array.size:
        raise ValueError(f"a loop expects arrays in C order, got one of shape {array.shape}, strides {array.strides}")
    return view


def cut(rows: int, columns: int, size: int) -> list[Tile]:
    """Tiles of at most `size` elements: whole rows where they fit, else pieces of one row."""
    if columns > size:
        return [
            (slice(r, r + 1), slice(c, min(c + size, columns))) for r in range(rows) for c in range(0, columns, size)
        ]
    step = max(1, size // max(1, columns))
    return [(slice(r, min(r + step, rows)), slice(0, columns)) for r in range(0, rows, step)]


class Once(threading.local):
    """The views of a loop that is one tile, made once in every thread, since temporaries belong to one."""

    views: list[Any] | None = None


class Call:
    """A loop with its arrays, ready to run over tiles."""

    def __init__(self, loop: Loop, code: Compiled, arrays: Arrays, itemsize: int) -> None:
        self.code, self.itemsize = code, itemsize
        integer = np.dtype(f"i{itemsize}")
        self.temporaries = tuple(name for name in code.text.arrays if name.startswith("_"))
        self.numbers = [arrays[name] for name in code.text.numbers]
        self.given: list[tuple[Any, str]] = []
        for name in code.text.arrays:
            base, _, suffix = name.partition("__")
            if not name.startswith("_"):
                self.given.append((arrays[base].view(integer) if suffix else arrays[base], loop.layout(base)))
        self.order = [name.startswith("_") for name in code.text.arrays]

        self.once = Once()

    def run(self, tiles: Sequence[Tile]) -> None:
        numbers = self.code.numbers(*(number[()] for number in self.numbers))
        for tile in tiles:
            self.code.block(*self.views(tile), *numbers)

    def run_small(self, tile: Tile) -> None:
        """`run` for all there is, with views that are made once."""
        views = self.once.views
        if views is None:
            views = self.once.views = self.views(tile)
        self.code.block(*views, *self.code.numbers(*(number[()] for number in self.numbers)))

    def views(self, tile: Tile) -> list[Any]:
        """The parts of all arrays that belong to a tile, in the order of the parameters of `block`."""
        rows, columns = tile
        shape = rows.stop - rows.start, columns.stop - columns.start
        temporaries = iter(scratch.arrays(self.temporaries, shape, self.itemsize))
        given = iter(self.given)
        return [next(temporaries) if temporary else part(*next(given), tile) for temporary in self.order]


def part(array: Any, layout: str, tile: Tile) -> Any:
    rows, columns = tile
    if layout in (FULL, ROWS):
        return array[rows, columns]
    return array[:, columns] if layout == ROW else array[rows]
