"""Cases of what surrounds a step on a device: conversions, delivery, batches of resident data, and loss scaling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from checks import Case, Draw
from ops.draws import alike, marked, size_name

from fusegrad.ops import Op, delivery, elementwise, loss_scale, resident

TURN = Draw((), 0, 2**40, "uint64")
PAIRS = ("float64", "float16"), ("float16", "float64"), ("float32", "float16"), ("float16", "float32")
LONG = 4099  # whole groups of 16 bytes of any dtype, and a rest


def casts(mark: str, source: str, target: str, **options: bool) -> list[Case]:
    """In one dtype, of each dtype to or from a fixed one, and from half types and double to each other."""
    cases = alike(source, target, **options)
    for own, other in ((source, target), (target, source)):
        for dtype in ("float16", "float32", "float64"):
            cases.append(Case(f"{other}-{dtype}", {own: (LONG,), other: Draw((LONG,), dtype=dtype)}, options))
    for first, second in PAIRS:
        arrays = {source: Draw((3, 35), dtype=first), target: Draw((3, 35), dtype=second)}
        cases.append(Case(f"{first}-{second}", arrays, options))
    return marked(mark, cases)


@dataclass(frozen=True)
class Flawed(Draw):
    """A draw with a number at one place that no gradient should be."""

    place: int = 0
    number: float = float("nan")

    def fill(self, generator: np.random.Generator, dtype: str) -> np.ndarray:
        array = super().fill(generator, dtype)
        array.reshape(-1)[self.place] = self.number
        return array


STATE, SCALE = Draw((4,), 3, 1000, "float32"), Draw((), 0.5, 2, "float32")


def unscaling(label: str, *gradients: Any, **options: float) -> Case:
    arrays = {"state": STATE, "scale": SCALE, "gradients": list(gradients)}
    flawed = any(isinstance(entry, Flawed) for entry in gradients)  # of which no error can be measured
    return Case(label, arrays, options, spaces=("gradients",) if flawed else ())


UNSCALING = [
    *(unscaling(str(n), (n,)) for n in (0, 1, 31, 33, 4096, 4097, 20_000)),
    unscaling("many", (33,), (5000,), (1,), (0,)),
    unscaling("many-blocks", (300_000,), (800_000,)),
    unscaling("grows", (33,), growth_interval=1, growth=3.0),
    unscaling("grows-to-the-limit", (33,), growth_interval=1, growth=2.0**24),
    unscaling("first", Flawed((9000,))),
    unscaling("last", (33,), Flawed((9001,), place=-1, number=float("inf"))),
    unscaling("in-between", Flawed((5000,), place=4096, number=-float("inf")), (33,), backoff=0.25),
    unscaling("backs-off-to-the-limit", Flawed((1,)), backoff=1e-6),
]

# rows of the data, of a batch, and their shape: of 16 bytes or less, of a warp and of a block, and no row at all
ROWS = [
    (1, 1, ()),
    (9, 4, ()),
    (1000, 333, (1,)),
    (33, 8, (31,)),
    (33, 31, (4,)),
    (257, 64, (3, 5)),
    (16, 16, (32,)),
    (7, 3, (1028,)),
    (5, 2, (2, 2050)),
    (6, 0, (3,)),
    (6, 2, (0,)),
]


def batches(rows: int, count: int, shape: tuple[int, ...], shuffle: bool, dtype: Any = None, to: Any = None) -> Case:
    """One of all batches that the rows have, of the dtype under test, of another, or of one that becomes another."""
    arrays = {"x": Draw((rows, *shape), 0, 2, dtype), "y": Draw((count, *shape), 0, 2, to or dtype)}
    numbers = {"seed": TURN, "epoch": TURN, "batch": Draw((), 0, rows // count if count else 1, "uint64")}
    dtypes = [given for given in (dtype, to) if given]
    label = "-".join([str(rows), str(count), size_name(shape), *dtypes, "shuffled" if shuffle else "in-order"])
    return Case(label, arrays | numbers, {"shuffle": shuffle})


BATCHES = [
    *(batches(*sizes, shuffle) for sizes in ROWS for shuffle in (True, False)),
    *(batches(33, 8, (5,), True, dtype) for dtype in ("int64", "int32", "uint8", "bool")),
    *(batches(33, 8, (width,), True, "uint8") for width in (4, 6, 16, 1040)),
    *(batches(*sizes, True, "float32", "float16") for sizes in ROWS[2:6]),
]

CASES: dict[Op, list[Case]] = {
    elementwise.cast: casts("writes", "x", "y"),
    elementwise.cast_backward: casts("writes", "dy", "dx") + casts("adds", "dy", "dx", add_dx=True),
    delivery.deliver: [
        Case(f"{places}", {"source": (), "ring": (places,), "turn": TURN}) for places in (1, 2, 31, 4096)
    ],
    delivery.row: [
        Case(size_name(size), {"table": size, "turn": TURN, "y": size[-1:]})
        for size in ((1, 1), (8, 7), (31, 33), (3, 300), (2, 5000), (4, 0))
    ],
    loss_scale.unscale: UNSCALING,
    resident.take: BATCHES,
    resident.advance: [
        Case(str(batches), {"batch": Draw((), 0, batches, "uint64"), "epoch": TURN}, {"batches": batches})
        for batches in (1, 2, 3, 10)
    ],
}
