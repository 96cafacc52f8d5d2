"""The products of a convolution on a GPU, by kernels that find the elements of windows where they lie in x.

Nothing is copied but weights, whose channels become neighbours.  Places of all samples are the columns of one product.
Who computes is chosen here: a thread for every sum where tiles would be mostly empty, else tensor cores where they can
for the dtype and `arithmetic`, else the ordinary cores.  y, and what lies like it, may be float32 beside half types.
"""

from __future__ import annotations

from math import prod
from typing import Any

from fusegrad.ops.convolution.on_gpu import direct, tensor_tiles, tiles
from fusegrad.ops.convolution.on_gpu.factors import Gradient, Seen, check_after
from fusegrad.ops.convolution.on_gpu.sweep import of_gradient, of_windows
from fusegrad.ops.gemm import Activated, After, arithmetic
from fusegrad.ops.op import Bound
from fusegrad.ops.window import Window

FEW_ROWS = 8  # of a product, for which a thread for every sum is worth more than tiles of 64; not measured
FEW_WEIGHTS = 512  # of a group, likewise; not measured


def correlation(
    x: Any, weight: Any, y: Any, *, window: Window, groups: int, add: bool = False, after: After | None = None
) -> Bound:
    """y = what `after` makes of x * weight, or y += that; its bias is (channels,).

    Raises ValueError where `after` does not fit y, or sizes are too large.
    """
    after = after or Activated()
    check_after(after, y)
    seen = Seen(x, grouped(weight, groups), y, of_windows(x, y, window, groups), False, after, add, how(x))
    return bind(seen)


def input_gradient(
    dy: Any, weight: Any, dx: Any, *, window: Window, groups: int, add: bool = False, after: After | None = None
) -> Bound:
    """dx = what `after` makes of the gradient of x * weight by x for dy, or dx += that; see `correlation`."""
    after = after or Activated()
    check_after(after, dx)
    seen = Seen(dy, grouped(weight, groups), dx, of_gradient(dy, dx, window, groups), True, after, add, how(dy))
    return bind(seen)


def weight_gradient(dy: Any, x: Any, dweight: Any, *, window: Window, groups: int, add: bool = False) -> Bound:
    """dweight = the gradient of x * weight by weight for dy, or += that, summed in parts of all places."""
    rows, columns = dy.shape[1] // groups, prod(dweight.shape[1:])
    of = Gradient(dy, x, dweight, of_windows(x, dy, window, groups), (groups, rows, columns), add, how(x))
    if rows * columns <= FEW_WEIGHTS:
        return direct.bind_gradient(of)
    return tensor_tiles.bind_gradient(of) if tensor_tiles.is_possible(x, of.arithmetic) else tiles.bind_gradient(of)


def bind(of: Seen) -> Bound:
    if of.rows <= FEW_ROWS:
        return direct.bind(of)
    return tensor_tiles.bind(of) if tensor_tiles.is_possible(of.x, of.arithmetic) else tiles.bind(of)


def grouped(weight: Any, groups: int) -> Any:
    """The weights as (groups, channels_out, channels_in, taps)."""
    shape = weight.shape
    return weight.reshape(groups, shape[0] // groups, shape[1], prod(shape[2:]))


def how(x: Any) -> str:
    """The arithmetic of products that are bound now."""
    return arithmetic.current() if x.dtype == "float32" else "exact"
