"""Cases of ops that draw random numbers."""

from __future__ import annotations

from checks import Case
from ops.draws import COORDINATES, SIZES, bits, size_name

from fusegrad.ops import Op, dropout, noise

FOURS = (*SIZES, (2,), (4,), (1025,), (2048,))  # a thread has four elements, and a block 1024
TAIL = 6  # a radius of up to 5.8 times the error of an angle of up to 2π, as if six numbers had been summed

CASES: dict[Op, list[Case]] = {
    dropout.forward: [
        Case(size_name(size), {"x": size, "y": size, "mask": bits(size), **COORDINATES}, {"rate": 0.3})
        for size in FOURS
    ],
    dropout.backward: [
        Case(size_name(size), {"dy": size, "mask": bits(size), "dx": size}, {"rate": 0.3}) for size in FOURS
    ],
    noise.normal: [
        Case(size_name(size), {"y": size, **COORDINATES}, {"mean": 0.5, "std": 2.0}, reduction=TAIL) for size in FOURS
    ],
}
