"""Who computes a product: on a GPU what was fastest when it was measured, elsewhere what a rule of thumb says.

FUSEGRAD_TUNER says which of the two: "measure", the default, or "rule".  An emulated GPU has the rule alone, since
times mean nothing there.  Either way a product has the same bits whenever it is bound on a machine: what was measured
is kept, see `tuning`, and the rule depends on shapes, strides and dtypes alone, and on what the device can do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fusegrad.backend.cuda import namespace
from fusegrad.errors import perhaps
from fusegrad.ops.gemm import library, simt, tensor, tuning
from fusegrad.ops.gemm.product import Product
from fusegrad.ops.op import Bound

VARIABLE = "FUSEGRAD_TUNER"
MODES = "measure", "rule"
LARGE = 2**30  # multiplications, those of matrices of 1024 x 1024

Provider = Callable[[Product], Bound | None]  # None for a product that it cannot compute


def bind(product: Product) -> Bound:
    """The launches of a product, by who is to compute it."""
    if not is_measured(product):
        return by_rule(product)
    try:
        return tuning.bound(product)
    except Exception as error:  # such as too little memory for a copy of the product
        error.add_note(f"{VARIABLE}=rule binds products without measuring them")
        raise


def by_rule(product: Product) -> Bound:
    """The launches by the first provider that can do the product."""
    found = (provider(product) for provider in PROVIDERS)
    return next(bound for bound in found if bound is not None)


def is_measured(product: Product) -> bool:
    return mode() == "measure" and work(product) > 0 and is_on_gpu(product.y.memory)


def mode() -> str:
    """What FUSEGRAD_TUNER asks for; ValueError where there is no such mode."""
    wanted = os.environ.get(VARIABLE) or MODES[0]
    if wanted not in MODES:
        raise ValueError(f'{VARIABLE} names an unknown mode "{wanted}"{perhaps(wanted, MODES)}')
    return wanted


def work(product: Product) -> int:
    """Multiplications."""
    rows, inner, columns = product.sizes
    return rows * inner * columns * product.matrices


def is_on_gpu(array: Any) -> bool:
    return isinstance(namespace(array), ModuleType)  # CuPy; what stands in for it is an object


def large_by_library(product: Product) -> Bound | None:
    """By cuBLASLt where it is installed: on all GPUs it is near the best there is for what is large."""
    return library.bind(product) if work(product) >= LARGE and is_on_gpu(product.y.memory) else None


# In order: cuBLASLt for what is large, else tensor cores where they can, else the ordinary cores, which always can.
PROVIDERS: tuple[Provider, ...] = (large_by_library, tensor.bind, simt.bind)
