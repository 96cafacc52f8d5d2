"""Cases of the sums of metrics."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from checks import Case, Draw
from ops.draws import share, size_name

from fusegrad.ops import Op, r2, scoring

SUMS = Draw((2,), 0, 9, "float64")


@dataclass(frozen=True)
class Rounded(Draw):
    """A draw of few different numbers, so that many are equal."""

    def fill(self, generator: np.random.Generator, dtype: str) -> np.ndarray:
        return np.round(super().fill(generator, "float64")).astype(self.dtype or dtype)


@dataclass(frozen=True)
class Broken(Rounded):
    """Such a draw with NaN in every third place."""

    def fill(self, generator: np.random.Generator, dtype: str) -> np.ndarray:
        array = super().fill(generator, dtype)
        array.reshape(-1)[::3] = np.nan
        return array


def case(label: str, prediction: Any, target: Any, weight: Any = None, sums: Draw = SUMS, **options: int) -> Case:
    """What is compared are the sums, and that nothing else changes; NaN cannot be compared."""
    draw = prediction if isinstance(prediction, Draw) else Draw(prediction)
    arrays = {"prediction": draw, "target": target, "weight": weight, "sums": sums}
    spaces = tuple(name for name, array in arrays.items() if isinstance(array, Broken))
    name = "-".join([size_name(draw.shape), label, *map(str, options.values())])
    return Case(name, arrays, options, reduction=prod(draw.shape), spaces=spaces)


def labels(shape: tuple[int, ...], classes: int, dtype: str = "int64", low: int = 0) -> Draw:
    return Draw(shape, low, classes, dtype)


def of_labels(rows: int, width: int, *rest: Any, **options: int) -> Case:
    return case("labels", (rows, width), labels((rows,), width), *rest, **options)


def of_classes(**options: int) -> list[Case]:
    """Labels and distributions, for rows of a warp, a block and a large block, and more rows than there are teams."""
    return [
        *(of_labels(rows, 10, **options) for rows in (1, 2, 31, 33)),
        *(of_labels(3, width, **options) for width in (2, 31, 32, 33, 1000)),
        of_labels(8201, 3, share((8201,)), **options),
        of_labels(1030, 1025, share((1030,)), **options),
        of_labels(2, 16385, **options),
        case("int32-weighted", (33, 10), labels((33,), 10, "int32"), share((33,)), **options),
        case("out-of-range", (33, 10), labels((33,), 14, low=-4), **options),
        case("no-weight", (33, 10), labels((33,), 10), Draw((33,), 0, 0), **options),
        case("sequences", (7, 5, 6), labels((7, 5), 6), share((7,)), **options),
        case("ties", Rounded((65, 9)), labels((65,), 9), **options),
        case("nan", Broken((65, 4)), labels((65,), 4), **options),
        case("distributions", (33, 10), share((33, 10)), share((33,)), **options),
        case("distributions-of-sequences", (7, 5, 6), share((7, 5, 6)), share((7,)), **options),
        case("distributions-of-few-numbers", Rounded((65, 33)), Rounded((65, 33)), **options),
        case("distributions-with-nan", Rounded((65, 9)), Broken((65, 9)), **options),
        case("distributions-of-a-block", (1030, 1025), Rounded((1030, 1025)), **options),
        case("one-hot", (33, 10), Draw((33, 10), 0, 2, "int64"), **options),
    ]


PAIRS = [  # also more of them than one block has
    case(label, shape, shape, weight)
    for shape in ((1,), (31,), (33, 1), (31, 7), (3, 5, 7), (700, 33))
    for label, weight in (("equal", None), ("weighted", share(shape[:1])))
]

SIGNS = [
    case("signs", (33,), share((33,))),
    case("signs", (31, 1), share((31, 1)), share((31,))),
    case("signs-of-columns", (31, 1), share((31,))),
    case("signs-of-labels", (33,), labels((33,), 2), share((33,))),
    case("signs-of-sequences", (7, 5, 1), labels((7, 5), 2, "int32"), share((7,))),
    case("signs-of-zeros", Rounded((40_000,)), labels((40_000,), 2)),
    case("signs-of-nan", Broken((65,)), share((65,))),
]


def columns(*shape: int) -> Draw:
    return Draw((4, prod(shape[1:])), 0.5, 2, "float64")


SPREADS = [
    *(
        case(label, shape, shape, weight, columns(*shape))
        for shape in ((1,), (31,), (33, 1), (257, 3), (31, 33), (3, 5, 7), (600, 2))
        for label, weight in (("equal", None), ("weighted", share(shape[:1])))
    ),
    case("no-weight", (33, 2), (33, 2), Draw((33,), 0, 0), columns(33, 2)),
    case("first", (33, 2), (33, 2), None, Draw((4, 2), 0, 0, "float64")),
    case("nothing", (33, 2), (33, 2), Draw((33,), 0, 0), Draw((4, 2), 0, 0, "float64")),
    case("integers", (33, 2), labels((33, 2), 9), None, columns(33, 2)),
]

CASES: dict[Op, list[Case]] = {
    scoring.accuracy: [*of_classes(), *SIGNS],
    scoring.top_k: [*of_classes(k=1), of_labels(33, 10, k=3), of_labels(33, 3, k=5), *of_classes(k=2)[-8:]],
    scoring.absolute_error: [*PAIRS, case("integers", (33, 2), labels((33, 2), 9), share((33,)))],
    r2.add: SPREADS,
}
