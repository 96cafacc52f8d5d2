"""Cases of `bench_ops.py`: convolutions of images by windows of 3 x 3, their gradients, and their transposes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from op_arrays import Case
from op_sizes import BATCH, CHANNELS, EXTENT, IMAGES

from fusegrad.expr.activations import relu
from fusegrad.ops import Op, convolution
from fusegrad.ops.window import Window

Shape = tuple[int, ...]
Makers = tuple[Callable[..., Op], Callable[..., Op]]  # of a forward and of a backward pass
KERNELS, BIAS = (CHANNELS, CHANNELS, 3, 3), (CHANNELS,)
HALVED = (BATCH, CHANNELS, EXTENT // 2, EXTENT // 2)
KEEPING = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))
HALVING = Window((3, 3), (2, 2), (1, 1), ((0, 1), (0, 1)))
POINTS = Window((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)))
STRAIGHT = convolution.forward, convolution.backward
TRANSPOSED = convolution.transposed_forward, convolution.transposed_backward


def product_flops(weight: Shape, small: Shape) -> int:
    """Two for each weight, sample and place of the window, which are the places of the smaller image."""
    return 2 * prod(weight) * small[0] * prod(small[2:])


def product(op: Op, *names: str, weight: Shape = KERNELS, window: Window = KEEPING) -> Case:
    """One of the three products, of images of one size."""
    arrays = {name: weight if name.endswith("weight") else IMAGES for name in names}
    return Case(op, arrays, product_flops(weight, IMAGES), {"window": window, "groups": CHANNELS // weight[1]})


def passes(name: str, makers: Makers, x: Shape, weight: Shape, y: Shape, window: Window = KEEPING) -> dict[str, Case]:
    """Forward with bias and ReLU, and all its gradients."""
    (forward, backward), products = makers, product_flops(weight, min(x, y, key=prod))
    options = {"window": window, "groups": CHANNELS // weight[1]}
    given = {"x": x, "weight": weight, "bias": BIAS, "y": y}
    back = given | {"dy": y, "dh": y, "dx": x, "dweight": weight, "dbias": BIAS}
    del back["bias"]
    return {
        name: Case(forward(relu, False), given, products + 2 * prod(y), options),
        f"{name}_backward": Case(backward(relu), back, 2 * products + 3 * prod(y), options),
    }


CASES = {
    "correlate": product(convolution.correlate, "x", "weight", "y"),
    "spread": product(convolution.spread, "dy", "weight", "dx"),
    "weigh": product(convolution.weigh, "dy", "x", "dweight"),
    "correlate_points": product(
        convolution.correlate, "x", "weight", "y", weight=(CHANNELS, CHANNELS, 1, 1), window=POINTS
    ),
    **passes("convolution_relu", STRAIGHT, IMAGES, KERNELS, IMAGES),
    **passes("depthwise_relu", STRAIGHT, IMAGES, (CHANNELS, 1, 3, 3), IMAGES),
    **passes("convolution_strided_relu", STRAIGHT, IMAGES, KERNELS, HALVED, HALVING),
    **passes("convolution_transposed_relu", TRANSPOSED, HALVED, KERNELS, IMAGES, HALVING),
}
