"""Loops that tests of the CUDA text compile and run: flat and repeated, in place, with every primitive."""

from __future__ import annotations

import math

from fusegrad import expr
from fusegrad.expr import erf, exp, expm1, log, maximum, sigmoid, softplus, tanh, where
from fusegrad.expr.loop import COLUMN, NUMBER, ROW, loop
from fusegrad.expr.node import argument

x, y, u, v, n, r, c = map(argument, "xyuvnrc")
LOOPS = {
    "flat": loop("flat", {"y": x * tanh(softplus(x)) * u, "x": where(x > u, 1, x)}),
    "momentum": loop("momentum", {"v": 0.9 * v + u, "x": x - n * (0.9 * v + u)}, n=NUMBER),
    "repeated": loop("repeated", {"y": (x - c) * r + u}, r=ROW, c=COLUMN),
    "all primitives": loop(
        "primitives",
        {
            "y": expr.minimum(x, u) ** v + abs(sigmoid(x)) * expr.sign(u) - erf(v) / (expr.erfc(x) + 2),
            "x": where(x <= u, exp(x) + expm1(u), where(u < x, -log(v), expr.log1p(expr.sqrt(maximum(x, 0))))),
            "u": tanh(u) * math.inf + 1e-45,
        },
    ),
}
