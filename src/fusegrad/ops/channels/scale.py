"""A scale and a shift for each channel, with any function of the result, and what normalisation needs of gradients.

With h = (x - center) scale + shift and y = f(h).  Shapes: x, y, dy, dx (batch, channels, *extents), contiguous; center,
scale, shift, dscale, dshift, offset, tilt (channels,).  The latter are float32 beside half types.  Backward computes h
anew, so that nothing but x is kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fusegrad.expr import Expr, Function
from fusegrad.expr.loop import NUMBER, loop
from fusegrad.expr.node import argument, rebuilt
from fusegrad.ops.channels import blocks
from fusegrad.ops.channels.kernels import launch_rows, launch_sums_of_channels
from fusegrad.ops.channels.planes import Planes, is_for_numba
from fusegrad.ops.loops import flops_of
from fusegrad.ops.op import Bound, BoundOp

X, DY, CENTER, SCALE, SHIFT = map(argument, ("x", "dy", "center", "scale", "shift"))
OFFSET, TILT = map(argument, ("offset", "tilt"))
H = (X - CENTER) * SCALE + SHIFT
NUMBERS = ("center", "scale", "shift", "offset", "tilt")


@lru_cache(maxsize=1024)
def forward(function: Function) -> BoundOp:
    """y = f((x - center) scale + shift)."""
    result = function(H)

    def bind(evaluator: str, x: Any, center: Any, scale: Any, shift: Any, y: Any) -> Bound:
        planes, numbers = Planes(x), {"center": center, "scale": scale, "shift": shift}
        work = planes.loop(f"channel_scale_{function}", {"y": result}, *numbers)
        return planes.bind(evaluator, work, numbers, {"x": x, "y": y})

    def launch(x: Any, center: Any, scale: Any, shift: Any, y: Any) -> Bound:
        return launch_rows(function, "channel_scale_forward", x, x, center, scale, shift, y)

    op = BoundOp(bind, ("x", "center", "scale", "shift", "y"), flops_of([result]))
    op.cuda(launch)
    op.in_place = {"y": ("x",)}
    return op


@lru_cache(maxsize=1024)
def sums(function: Function) -> BoundOp:
    """With dh = dy f'(h): dshift = Σ dh and dscale = Σ dh (x - center), over samples and places."""
    dh = DY * slope_of(function, H)
    terms = {"dh": dh, "turned": dh * (X - CENTER)}
    in_row = loop(f"channel_sums_{function}", terms, center=NUMBER, scale=NUMBER, shift=NUMBER)

    def bind(evaluator: str, dy: Any, x: Any, center: Any, scale: Any, shift: Any, dscale: Any, dshift: Any) -> Bound:
        planes, numbers = Planes(x), {"center": center, "scale": scale, "shift": shift}
        if is_for_numba(evaluator, x):
            from fusegrad.ops.channels import loops  # here, since only who has Numba needs it

            return loops.bind_sums(in_row, planes.cube(dy), planes.cube(x), numbers, dscale, dshift)
        work = planes.loop(f"channel_sums_{function}", terms, *numbers)
        return blocks.bind_sums(evaluator, work, {"dy": dy, "x": x}, numbers, {"dh": dshift, "turned": dscale})

    def launch(dy: Any, x: Any, center: Any, scale: Any, shift: Any, dscale: Any, dshift: Any) -> Bound:
        return launch_sums_of_channels(function, dy, x, center, scale, shift, dscale, dshift)

    op = BoundOp(bind, ("dy", "x", "center", "scale", "shift", "dscale", "dshift"), flops_of(list(terms.values())))
    op.cuda(launch)
    return op


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dx = scale dy f'(h) - offset - (x - center) tilt, or dx + that; offset and tilt, both or none, may be None."""
    scaled = SCALE * (DY * slope_of(function, H))
    whole = scaled - OFFSET - (X - CENTER) * TILT

    def bind(
        evaluator: str,
        dy: Any,
        x: Any,
        center: Any,
        scale: Any,
        shift: Any,
        offset: Any,
        tilt: Any,
        dx: Any,
        add_dx: bool = False,
    ) -> Bound:
        planes, result = Planes(x), scaled if offset is None else whole
        result = argument("dx") + result if add_dx else result
        numbers = dict(zip(NUMBERS, (center, scale, shift, offset, tilt), strict=True))
        work = planes.loop(f"channel_scale_{function}_backward", {"dx": result}, *NUMBERS)
        return planes.bind(evaluator, work, numbers, {"dy": dy, "x": x, "dx": dx})

    def launch(dy: Any, x: Any, add_dx: bool, **arrays: Any) -> Bound:
        given = [arrays[name] for name in (*NUMBERS, "dx")]
        return launch_rows(function, "channel_scale_backward", dy, dy, x, *given, options=(add_dx,))

    op = BoundOp(bind, ("dy", "x", *NUMBERS, "dx", "add_dx"), flops_of([whole]))
    op.cuda(launch)
    op.in_place = {"dx": ("dy", "x")}
    return op


def slope_of(function: Function, h: Expr) -> Expr:
    """f'(h)"""
    (name,) = function.arguments
    return rebuilt(function.slope(name), {argument(name): h})
