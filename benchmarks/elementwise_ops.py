"""Cases of `bench_ops.py`: functions of every element, arithmetic with broadcasting, and sums over an axis."""

from __future__ import annotations

from op_arrays import Case
from op_sizes import PLANE, WIDTH, N, alike

from fusegrad.expr import Function
from fusegrad.expr.activations import gelu, relu, sigmoid, tanh
from fusegrad.layers.extremes import MAXIMUM
from fusegrad.ops import arithmetic, broadcast, elementwise, loops, prelu, reduction

BROADCAST, SLOPES = {"a": PLANE, "b": (WIDTH,)}, {"da": PLANE, "db": (WIDTH,)}
WRITTEN = {"add_da": False, "add_db": False}
PRELU = {"x": PLANE, "slope": (WIDTH,), "axis": 1}
SUMMED = {"axis": (0,), "scale": 1.0}


def of_one(f: Function, flops: int, backward_flops: int) -> dict[str, Case]:
    """A function of one argument, forward and backward."""
    (kept,) = loops.kept(f)
    return {
        str(f): Case(loops.forward(f), alike("x", "y"), flops * N),
        f"{f}_backward": Case(loops.backward(f), alike("dy", kept, "dx"), backward_flops * N),
    }


CASES = {
    **of_one(relu, 1, 2),
    **of_one(sigmoid, 4, 3),
    **of_one(tanh, 1, 3),
    **of_one(gelu, 30, 40),
    "prelu": Case(prelu.forward, {**PRELU, "y": PLANE}, 3 * N),
    "prelu_backward": Case(
        prelu.backward, {"dy": PLANE, **PRELU, "product": PLANE, "dx": PLANE, "dslope": (WIDTH,)}, 6 * N
    ),
    "add": Case(arithmetic.add, {**BROADCAST, "y": PLANE}, N),
    "add_backward": Case(arithmetic.add_backward, {"dy": PLANE, **SLOPES}, N, WRITTEN),
    "subtract": Case(arithmetic.subtract, {**BROADCAST, "y": PLANE}, N),
    "subtract_backward": Case(arithmetic.subtract_backward, {"dy": PLANE, **SLOPES}, 2 * N, WRITTEN),
    "multiply": Case(arithmetic.multiply, {**BROADCAST, "y": PLANE}, N),
    "multiply_backward": Case(arithmetic.multiply_backward, {"dy": PLANE, **BROADCAST, **SLOPES}, 3 * N),
    "maximum": Case(broadcast.forward(MAXIMUM), {**BROADCAST, "y": PLANE}, N),
    "maximum_backward": Case(broadcast.backward(MAXIMUM), {"dy": PLANE, **BROADCAST, **SLOPES}, 4 * N, WRITTEN),
    "divide": Case(arithmetic.divide, {**BROADCAST, "y": PLANE}, N),
    "divide_backward": Case(arithmetic.divide_backward, {"dy": PLANE, "b": (WIDTH,), "y": PLANE, **SLOPES}, 4 * N),
    "fill": Case(elementwise.fill, {"x": PLANE, "number": 1.0}, 0),
    "copy": Case(elementwise.copy, alike("x", "y"), 0),
    "accumulate": Case(elementwise.accumulate, alike("x", "y"), N, moved=12 * N),
    "axpy": Case(elementwise.axpy, {"a": (), **alike("x", "y")}, 2 * N, moved=12 * N),
    "cast": Case(elementwise.cast, {"x": PLANE, "y": ("float16", PLANE, 1)}, 0),
    "cast_backward": Case(
        elementwise.cast_backward, {"dy": ("float16", PLANE, 2), "dx": PLANE}, N, {"add_dx": True}, moved=10 * N
    ),
    "sum": Case(reduction.total, {"x": PLANE, "y": (1, WIDTH)}, N, SUMMED),
    "sum_backward": Case(reduction.total_backward, {"dy": (1, WIDTH), "dx": PLANE}, N, SUMMED),
}
