"""Matrix products: every variant of our kernels beside cuBLASLt, on shapes of networks, with what follows them."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from workloads import normal_numbers

from fusegrad.backend.dtypes import dtype_of
from fusegrad.expr.activations import gelu_tanh, relu
from on_gpu.device import REHEARSED, Found, Items, device, sustained

DTYPES = "float32", "tf32", "bfloat16", "float16"
NAMES = "simt", "tensor", "library"  # of modules of fusegrad.ops.gemm
LARGE = [(4096, 4096, 4096), (8192, 4096, 4096), (8192, 8192, 8192)]
SHAPES = [*LARGE, (128, 512, 784), (128, 10, 512), (1 << 18, 64, 64)]
LAYOUTS = "forward", "input gradient", "weight gradient"  # x Wᵀ, dh W, dhᵀ x
EPILOGUES = "none", "bias relu", "bias gelu_tanh kept", "gelu_tanh slope and sums"


def gemm() -> Items:
    shapes = [tuple(min(side, 48) for side in shape) for shape in SHAPES[:2]] if REHEARSED else SHAPES
    for dtype in ("bfloat16",) if REHEARSED else ("bfloat16", "tf32", "float32"):
        for given, shape in zip(SHAPES, shapes, strict=False):
            for layout in LAYOUTS:
                yield name_of(given, dtype, layout), lambda s=shape, d=dtype, a=layout: compared(s, d, a)
        for after in EPILOGUES[1:]:
            name = f"{name_of(SHAPES[1], dtype, 'forward')}, {after}"
            yield name, lambda d=dtype, after=after: compared(shapes[1], d, "forward", after)


def name_of(shape: tuple[int, ...], dtype: str, layout: str) -> str:
    return f"{' x '.join(map(str, shape))} {dtype} {layout}"


def compared(shape: tuple[int, ...], dtype: str, layout: str, after: str = "none") -> Found:
    """Microseconds of all candidates of all providers, TFLOP/s of ours, and that by the library's."""
    times = {}
    with device().using_stream():
        (product,) = products_of(shape, dtype, layout, after)
        for name, provider in providers().items():
            for label, bind in provider.candidates(product):
                times[f"{name}: {label}"] = sustained(bind()) * 1e6
    ours, theirs = (best(times, lambda name, wanted=wanted: name.startswith("library") == wanted) for wanted in (0, 1))
    found: Found = {"us": times, "ours": ours, "tflop_per_s": 2 * np.prod(shape, dtype=float) / times[ours] / 1e6}
    return found | ({"library": theirs, "by_library": times[theirs] / times[ours]} if theirs else {})


def best(times: dict[str, float], belongs: Any) -> str | None:
    return min(filter(belongs, times), key=times.__getitem__, default=None)


def bound_by(name: str, shape: tuple[int, ...], dtype: str) -> Any:
    """A plain product as one provider computes it, None where it cannot."""
    with device().using_stream():
        (product,) = products_of(shape, dtype, "forward", "none")
        return providers()[name].bind(product)


@cache
def providers() -> dict[str, Any]:
    """Those that this installation has."""
    found = {}
    for name in NAMES:
        try:
            found[name] = import_module(f"fusegrad.ops.gemm.{name}")
        except ModuleNotFoundError:
            continue
    return found


def products_of(shape: tuple[int, ...], dtype: str, layout: str, after: str) -> list[Any]:
    """The product of random matrices (rows, columns, inner) in one of the layouts of a linear layer."""
    from fusegrad.ops.gemm import arithmetic
    from fusegrad.ops.gemm.product import products

    rows, columns, inner = shape
    kind = "float32" if dtype == "tf32" else dtype
    a, b = drawn((rows, inner), kind), drawn((columns, inner), kind).T
    if layout == "input gradient":
        b = drawn((inner, columns), kind)
    if layout == "weight gradient":
        a, b = drawn((inner, rows), kind).T, drawn((inner, columns), kind)
    y = device().empty((rows, columns), dtype_of("float32" if layout == "weight gradient" else kind))
    with arithmetic.using("tf32") if dtype == "tf32" else nullcontext():
        return list(products(a, b, y, False, followed(after, y, kind)))


def followed(after: str, y: Any, dtype: str) -> Any:
    from fusegrad.ops.gemm import Activated, Sloped

    bias, like_y = drawn(y.shape[1:], dtype), device().zeros(y.shape, y.dtype)
    return {
        "none": lambda: Activated(),
        "bias relu": lambda: Activated(relu, bias=bias),
        "bias gelu_tanh kept": lambda: Activated(gelu_tanh, bias=bias, h=like_y),
        "gelu_tanh slope and sums": lambda: Sloped(gelu_tanh, like_y, device().zeros(y.shape[1:], "float32")),
    }[after]()


def drawn(shape: tuple[int, ...], dtype: str) -> Any:
    return device().asarray(normal_numbers(shape).astype(dtype_of(dtype)))
