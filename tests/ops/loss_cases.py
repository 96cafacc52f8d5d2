"""Cases of losses."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from checks import Case, Draw
from ops.draws import marked, share, size_name, with_arrays

from fusegrad.expr import function
from fusegrad.ops import Op, cross_entropy, log_softmax, mean_loss

squared_error = function(lambda x, target: (x - target) * (x - target), name="squared_error")


def pair(*shape: int, weighted: bool = False) -> Case:
    """A mean over predictions and targets of one shape."""
    batch = shape[:1]
    label = size_name(shape) + "-weighted" * weighted
    arrays = {"x": shape, "target": share(shape), "weight": share(batch) if weighted else None}
    return Case(label, arrays, reduction=prod(shape))


def gradients(cases: list[Case], *needed: str) -> list[Case]:
    """Cases of the backward pass; the gradients that are not needed are None."""
    wanted = {name: "x" if name in needed else None for name in ("dx", "dtarget")}
    backward = []
    for case in cases:
        backward += with_arrays([case], dy=(), factor=case.arrays["x"][:1], **wanted)
    return marked("-".join(needed), backward)


def with_weight(case: Case, label: str, **draw: Any) -> Case:
    """The case with other weights of samples."""
    weight = Draw((case.arrays["x"][0],), **draw)
    return replace(case, label=f"{case.label}-{label}", arrays={**case.arrays, "weight": weight})


MEANS = [pair(1, 1), pair(33), pair(31, 33), pair(3, 5, 7), pair(31, 7, weighted=True), pair(33, weighted=True)]
LONG_MEANS = [  # in kernels a sum of several blocks
    pair(5000),
    pair(3, 3000, weighted=True),
    pair(700, 7, weighted=True),
    with_weight(pair(5000), "float64", low=0, high=1, dtype="float64"),
    with_weight(pair(31, 7), "weightless", low=0, high=0),
]


def entropy(label: str, rows: int, width: int, target: Draw, smoothing: float = 0.0, **more: Any) -> Case:
    """What both passes of cross-entropy are given; `ignored` is an option, the rest are arrays."""
    arrays = {"target": target, "weight": None, "class_weight": None} | more
    options = {"smoothing": smoothing, "ignored": arrays.pop("ignored", None)}
    return Case(f"{label}-{rows}x{width}", arrays, options, rows + width)


def labels(rows: int, width: int, dtype: str = "int64", low: int = 0) -> Draw:
    return Draw((rows,), low, width, dtype)


def weighted(rows: int, width: int, *kinds: str) -> dict[str, Draw]:
    """Weights of rows, of classes, or both."""
    draws = {"weight": share((rows,)), "class_weight": by_class(width)}
    return {name: draws[name] for name in kinds}


def by_class(width: int) -> Draw:
    return Draw((width,), 0.5, 2, "sum")


BOTH = "weight", "class_weight"
LABELLED = [
    entropy("labels", 1, 1, labels(1, 1)),
    entropy("labels", 1, 2, labels(1, 2)),
    entropy("labels-uint8", 31, 10, labels(31, 10, "uint8")),
    entropy("labels-weighted", 33, 1000, labels(33, 1000, "int32"), **weighted(33, 1000, "weight")),
    entropy("labels-class-weighted", 128, 33, labels(128, 33), **weighted(128, 33, "class_weight")),
    entropy("labels-both", 33, 32, labels(33, 32), **weighted(33, 32, *BOTH)),
    entropy("labels-weightless", 31, 10, labels(31, 10), weight=Draw((31,), 0, 0)),
    entropy("labels-ignored", 31, 10, labels(31, 10, low=-1), ignored=-1),
    entropy("labels-ignored-both", 33, 31, labels(33, 31, low=-1), ignored=-1, **weighted(33, 31, *BOTH)),
    entropy("labels-all-ignored", 7, 5, Draw((7,), -1, 0, "int64"), ignored=-1),
    entropy("labels-of-many-rows", 8201, 3, labels(8201, 3), **weighted(8201, 3, "weight")),
    entropy("labels-of-a-block", 1030, 1025, labels(1030, 1025)),
    entropy("labels-of-a-large-block", 2, 16385, labels(2, 16385), **weighted(2, 16385, *BOTH)),
]
SMOOTHED = [
    entropy("smoothed", 31, 10, labels(31, 10, "int32"), 0.1),
    entropy("smoothed-ignored-both", 33, 33, labels(33, 33, low=-1), 0.1, ignored=-1, **weighted(33, 33, *BOTH)),
    entropy("smoothed-weightless", 31, 10, labels(31, 10), 0.1, class_weight=by_class(10), weight=Draw((31,), 0, 0)),
    entropy("smoothed-of-a-block", 3, 1025, labels(3, 1025), 0.1, **weighted(3, 1025, "class_weight")),
]
SOFT = [
    entropy("soft", 1, 2, share((1, 2))),
    entropy("soft", 33, 1000, share((33, 1000))),
    entropy("soft-weighted", 31, 10, share((31, 10)), **weighted(31, 10, "weight")),
    entropy("soft-both", 128, 33, share((128, 33)), **weighted(128, 33, *BOTH)),
    entropy("soft-smoothed-both", 3, 1025, share((3, 1025)), 0.1, **weighted(3, 1025, *BOTH)),
    entropy("soft-of-a-large-block", 2, 16385, Draw((2, 16385), 0, 2 / 16385), 0.1),
    entropy("soft-float64", 9, 33, Draw((9, 33), 0, 1, "float64"), weight=Draw((9,), 0, 1, "float64")),
    entropy("soft-full", 9, 40, Draw((9, 40), 0, 1, "sum"), weight=Draw((9,), 0, 1, "sum")),
    entropy("soft-full", 9, 41, Draw((9, 41), 0, 1, "sum"), 0.1),
]


NUMBER = Draw((), dtype="sum")


def size_of(case: Case) -> tuple[int, int]:
    """Rows and classes of a case of cross-entropy."""
    rows, width = map(int, case.label.rpartition("-")[2].split("x"))
    return rows, width


def scored(case: Case) -> Case:
    """The case with what the forward pass writes."""
    each = Draw((size_of(case)[0],), dtype="sum")
    return replace(case, arrays={**case.arrays, "x": size_of(case), "y": NUMBER, "peaks": each, "sums": each})


def differentiated(case: Case) -> Case:
    """The case with a softmax for the backward pass, the probabilities of which are at most 1."""
    rows, width = size_of(case)
    kept = {"peaks": Draw((rows,), 2, 3, "sum"), "sums": Draw((rows,), width, 2 * width, "sum")}
    return replace(case, arrays={**case.arrays, "x": (rows, width), "dy": NUMBER, "dx": (rows, width), **kept})


ENTROPIES = [*LABELLED, *SMOOTHED, *SOFT]


def wide(*names: str) -> list[Case]:
    """Arrays of one shape, with sums over the last axis: within a warp, a block, a large block."""
    sizes = (1, 1), (31,), (33, 2), (3, 5, 7), (8, 32), (33, 33), (8, 1000), (9, 1024), (3, 1025), (2, 16385)
    many = (0, 33), (8201, 3), (1030, 1025)  # more than there are teams
    return [Case(size_name(size), dict.fromkeys(names, size), reduction=size[-1]) for size in (*sizes, *many)]


def along(*names: str) -> list[Case]:
    """A softmax along an axis that others follow."""
    shapes = ((3, 5, 7), 1), ((33, 31), 0), ((2, 3, 4, 5), -3)
    return [Case(f"{size_name(x)}-{axis}", dict.fromkeys(names, x), {"axis": axis}, x[axis]) for x, axis in shapes]


CASES: dict[Op, list[Case]] = {
    mean_loss.forward(squared_error): with_arrays([*MEANS, *LONG_MEANS], losses="x", y=()),
    mean_loss.backward(squared_error): [
        *gradients([*MEANS, *LONG_MEANS], "dx"),
        *gradients(MEANS, "dtarget"),
        *gradients(MEANS, "dx", "dtarget"),
    ],
    cross_entropy.forward: [scored(case) for case in ENTROPIES],
    cross_entropy.backward: [differentiated(case) for case in ENTROPIES],
    log_softmax.forward: [*wide("x", "y"), *along("x", "y")],
    log_softmax.backward: [*wide("dy", "y", "dx"), *along("dy", "y", "dx")],
    log_softmax.softmax_forward: [*wide("x", "y"), *along("x", "y")],
    log_softmax.softmax_backward: [*wide("dy", "y", "dx"), *along("dy", "y", "dx")],
}
