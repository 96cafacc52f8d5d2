"""Cases of sums, and of what is computed from them."""

from __future__ import annotations

from math import prod

from checks import Case, Draw
from ops.draws import SCALAR, size_name

from fusegrad.ops import Op, norm, reduction

# shapes and the axes of the sum; the lengths are those at which another number of threads takes part, or blocks share
TOTALS = {
    "rows": ((31, 33), (0,)),
    "columns": ((31, 33), (1,)),
    "all": ((3, 5, 7), (0, 1, 2)),
    "outer": ((3, 5, 7), (0, 2)),
    "inner": ((3, 5, 7), (1,)),
    "neighbours": ((3, 5, 7), (-2, -1)),
    "three-apart": ((2, 3, 4, 5, 6), (0, 2, 4)),
    "none": ((), ()),
    "no-axis": ((3, 5), ()),
    "ones": ((1, 5, 1), (0, 2)),
    "no-rows": ((0, 5), (0,)),
    "no-sums": ((0, 5), (1,)),
    "few-columns": ((100, 3), (0,)),
    "many-rows-of-few-columns": ((600, 8), (0,)),
    "many-rows": ((600, 33), (0,)),
    "short": ((300, 8), (1,)),
    "whole-vectors": ((5, 8), (1,)),
    "whole-vectors-apart": ((3, 8), (0,)),
    "warps": ((9, 1024), (1,)),
    "blocks": ((3, 1025), (1,)),
    "long": ((20_001,), (0,)),
    "long-pieces": ((2, 16_384), (1,)),
}


def left(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    """What a sum over `axis` leaves of a shape."""
    summed = {number % len(shape) for number in axis}
    return tuple(extent for number, extent in enumerate(shape) if number not in summed)


CLIPPED = {"one": [(1,)], "two": [(33,), (1000,)], "matrix": [(31, 33)], "blocks": [(9001,), (5000,), (3,)], "no": []}

CASES: dict[Op, list[Case]] = {
    norm.clip_scale: [
        Case("clips", {"scale": SCALAR, "gradients": [(33,), (1000,)]}, {"limit": 0.5}, 1033),
        Case("leaves", {"scale": SCALAR, "gradients": [(33,), (7,)]}, {"limit": 1e3}, 40),
        *(
            Case(label, {"scale": SCALAR, "gradients": sizes}, {"limit": 0.125}, sum(map(prod, sizes)) + 1)
            for label, sizes in CLIPPED.items()
        ),
        Case("parts-for-all-threads", {"scale": SCALAR, "gradients": [(1 << 20 | 12_345,)]}, {"limit": 0.5}, 1 << 20),
    ],
    norm.trust_ratio: [
        *(
            Case(size_name(size), {"value": size, "direction": size, "ratio": SCALAR}, {}, 2 * prod(size))
            for size in ((1,), (33,), (1000,), (9001,))
        ),
        Case("no-value", {"value": Draw((33,), 0, 0), "direction": (33,), "ratio": SCALAR}),
        Case("no-direction", {"value": (33,), "direction": Draw((33,), 0, 0), "ratio": SCALAR}),
        Case("empty", {"value": (0,), "direction": (0,), "ratio": SCALAR}),
    ],
    reduction.total: [
        *(
            Case(
                f"{label}{'-mean' * (scale == 1 / 33)}",
                {"x": x, "y": left(x, axis)},
                {"axis": axis, "scale": scale},
                prod(x),
            )
            for label, (x, axis) in TOTALS.items()
            for scale in ((1.0, 1 / 33) if label == "columns" else (0.5,))
        ),
        Case("kept", {"x": (3, 5, 7), "y": (1, 5, 1)}, {"axis": (0, 2), "scale": 0.5}, 21),
    ],
    reduction.total_backward: [
        *(
            Case(label, {"dy": left(x, axis), "dx": x}, {"axis": axis, "scale": 0.25})
            for label, (x, axis) in TOTALS.items()
            if prod(x) <= 1025
        ),
        Case("kept", {"dy": (1, 5, 1), "dx": (3, 5, 7)}, {"axis": (0, 2), "scale": 0.25}),
    ],
}
