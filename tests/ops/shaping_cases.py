"""Cases of ops that pad, split, gate and choose along an axis, and of noise upon elements and stretches."""

from __future__ import annotations

from typing import Any

from checks import Case, Draw
from ops.draws import COORDINATES, SIZES, bits, marked, size_name

from fusegrad.expr import function, sigmoid
from fusegrad.ops import Op, gated, maxout, noise, pad, shape, stretch_dropout, transpose

# shape of x and the pairs of entries before and behind: one axis and several, next to each other and apart, nothing,
# and more entries than the array has
PADS = {
    "row": ((33,), ((1, 2),)),
    "planes": ((2, 3, 5, 7), ((0, 0), (0, 0), (1, 1), (2, 3))),
    "first": ((5, 4, 3), ((2, 1), (0, 0), (0, 0))),
    "apart": ((4, 3, 5), ((1, 2), (0, 0), (2, 1))),
    "behind": ((31, 9), ((0, 0), (0, 5))),
    "nothing": ((3, 4), ((0, 0), (0, 0))),
    "one-entry": ((1, 6), ((2, 1), (0, 1))),
    "far": ((2, 3), ((3, 5), (7, 4))),
}
CROPS = {
    "both": ((7, 9), ((-1, -2), (-3, 0))),
    "one-way": ((4, 7), ((-1, 2), (3, -4))),
}


def padded(x: tuple[int, ...], pads: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    return tuple(extent + sum(pair) for extent, pair in zip(x, pads, strict=True))


def pad_case(label: str, x: tuple[int, ...], pads: tuple[tuple[int, int], ...], mode: str, back: bool) -> Case:
    y = padded(x, pads)
    arrays, options = ({"dy": y, "dx": x}, {}) if back else ({"x": x, "y": y}, {"value": 1.5})
    return Case(f"{label}-{mode}", arrays, {"pads": pads, "mode": mode, **options}, 32 if back else 1)


def pads(back: bool) -> list[Case]:
    modes = "constant", "reflect", "edge", "wrap"
    cases = [pad_case(label, *given, mode, back) for label, given in PADS.items() for mode in modes]
    return cases + [pad_case(label, *given, "constant", back) for label, given in CROPS.items()]


# shape of x, pieces, axis
MAXOUTS = ((6,), 3, 0), ((31, 66), 2, 1), ((2, 6, 5), 2, 1), ((4, 3, 33), 4, 0), ((3, 33 * 5), 5, 1)


def maxout_case(x: tuple[int, ...], pieces: int, axis: int, back: bool) -> Case:
    y = (*x[:axis], x[axis] // pieces, *x[axis + 1 :])
    options = {"pieces": pieces, "axis": axis}
    which = Draw(y, 0, pieces, "uint8")
    arrays = {"dy": y, "which": which, "dx": x} if back else {"x": x, "y": y, "which": which}
    return Case(f"{size_name(x)}-{pieces}-{axis}", arrays, options)


glu = function(lambda a, b: a * sigmoid(b), name="glu")
HALVED = ((2,), 0), ((31, 66), 1), ((34, 8), 0), ((3, 4, 5, 7), 1), ((1, 2048), 1), ((300, 4), 1), ((0, 4), 1)


def gated_case(x: tuple[int, ...], axis: int, back: bool, **options: Any) -> Case:
    y = (*x[:axis], x[axis] // 2, *x[axis + 1 :])
    arrays = {"dy": y, "x": x, "dx": x} if back else {"x": x, "y": y}
    return Case(f"{size_name(x)}-{axis}", arrays, {"axis": axis, **options})


def gated_backward() -> list[Case]:
    return [
        *(gated_case(*given, True, add_dx=False) for given in HALVED),
        *marked("adds", [gated_case(*given, True, add_dx=True) for given in HALVED]),
    ]


APART = [
    ((4, 64), (31, 33), 1),
    ((6, 5), (5, 1), 0),
    ((2, 8, 5), (1, 7), 1),
]


def split_case(x: tuple[int, ...], extents: tuple[int, ...], axis: int, back: bool) -> Case:
    parts = [(*x[:axis], extent, *x[axis + 1 :]) for extent in extents]
    kind = "d" if back else ""
    arrays = {f"{kind}x": x} | {f"{kind}y{i}": part for i, part in enumerate(parts)}
    return Case(f"{size_name(x)}-{axis}", arrays, {"extents": extents, "axis": axis})


ORDERS = ((31, 33), (1, 0)), ((3, 4, 5), (2, 0, 1)), ((2, 3, 4, 5), (0, 2, 3, 1)), ((7,), (0,))


def transpose_back(x: tuple[int, ...], axes: tuple[int, ...]) -> Case:
    return Case(f"{size_name(x)}-{size_name(axes)}", {"dy": tuple(x[axis] for axis in axes), "dx": x}, {"axes": axes})


# the shape of the mask and that of x: samples, channels, one for all, stretches longer than a block, and many
STRETCHES = [
    ((), (3, 5)),
    ((1,), (1, 1)),
    ((33,), (33, 7)),
    ((3, 5), (3, 5, 31)),
    ((2, 3), (2, 3, 4, 5)),
    ((5,), (5, 1025)),
    ((300,), (300, 2)),
    ((7, 1), (7, 1)),
]
FOURS = (*SIZES, (2,), (4,), (1025,), (2048,))  # a thread has four elements, and a block 1024
TAIL = 6  # as of noise.normal


def upon(*names: str, std: float) -> list[Case]:
    return [
        Case(size_name(size), dict.fromkeys(names, size) | COORDINATES, {"std": std}, reduction=TAIL) for size in FOURS
    ]


CASES: dict[Op, list[Case]] = {
    pad.forward: pads(False),
    pad.backward: pads(True),
    maxout.forward: [maxout_case(*given, False) for given in MAXOUTS],
    maxout.backward: [maxout_case(*given, True) for given in MAXOUTS],
    gated.forward(glu): [gated_case(*given, False) for given in HALVED],
    gated.backward(glu): gated_backward(),
    shape.split_apart(2): [split_case(*given, False) for given in APART],
    shape.split_apart_backward(2): [split_case(*given, True) for given in APART],
    transpose.transpose_backward: [transpose_back(*given) for given in ORDERS],
    stretch_dropout.forward: [
        Case(f"{size_name(mask)}-of-{size_name(x)}", {"x": x, "y": x, "mask": bits(mask), **COORDINATES}, {"rate": 0.3})
        for mask, x in STRETCHES
    ],
    stretch_dropout.backward: [
        Case(f"{size_name(mask)}-of-{size_name(x)}", {"dy": x, "mask": bits(mask), "dx": x}, {"rate": 0.3})
        for mask, x in STRETCHES
    ],
    noise.plus: upon("x", "y", std=0.5),
    noise.times: upon("x", "y", std=0.5),
    noise.times_backward: upon("dy", "dx", std=0.5),
}
