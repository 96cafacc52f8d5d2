"""The products of the convolutions of ResNet-50, as our kernels compute them; `torch-convolutions` has cuDNN's."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from convolution_workloads import CONVOLUTIONS, Convolution
from own_steps import numbers_on
from peer_lines import rates
from workloads import shrunk

from fusegrad.ops import convolution
from fusegrad.ops.gemm import arithmetic
from fusegrad.ops.window import Window
from on_gpu.device import REHEARSED, Found, Items, device, timed

OPS = {
    "forward": (convolution.correlate, ("x", "weight", "y")),
    "input gradient": (convolution.spread, ("dy", "weight", "dx")),
    "weight gradient": (convolution.weigh, ("dy", "x", "dweight")),
}


def convolutions() -> Items:
    for work in CONVOLUTIONS:
        yield str(work), lambda work=work: computed(shrunk(work) if REHEARSED else work)


def computed(work: Convolution) -> Found:
    with device().using_stream():
        seconds = timed(bound(work, arrays_of(work)))
    return rates(work, seconds)


def arrays_of(work: Convolution) -> dict[str, Any]:
    """Random numbers, the result last; a weight gradient is float32, as those of a network are."""
    x, weight, y = work.shapes
    shapes = {"x": x, "dx": x, "weight": weight, "dweight": weight, "y": y, "dy": y}
    _, names = OPS[work.layout]
    return {name: numbers_on(device(), shapes[name], "float32" if name == "dweight" else work.dtype) for name in names}


def bound(work: Convolution, arrays: dict[str, Any]) -> Any:
    op, _ = OPS[work.layout]
    before = work.kernel // 2
    window = Window((work.kernel,) * 2, (1, 1), (1, 1), ((before, before),) * 2)
    with arithmetic.using("tf32") if work.precision == "tf32" else nullcontext():
        return op.bound("cuda", **arrays, window=window, groups=1)
