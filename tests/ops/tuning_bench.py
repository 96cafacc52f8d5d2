"""Products for tests of who computes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.gemm import Activated, Drop
from fusegrad.ops.gemm.product import Product, products

ROWS, INNER, COLUMNS, RATE = 9, 20, 12, 0.25


def drawn(backend: Any) -> dict[str, Any]:
    """All arrays of a product of float32 and of what may follow it."""
    generator = np.random.default_rng(0)
    shapes = {"a": (ROWS, INNER), "b": (INNER, COLUMNS), "bias": (COLUMNS,), "sums": (COLUMNS,)}
    arrays = {"mask": backend.zeros((ROWS, COLUMNS), "uint8")}
    for name in ("a", "b", "bias", "sums", "y", "h", "saved", "residual"):
        values = generator.uniform(-2, 2, shapes.get(name, (ROWS, COLUMNS)))
        arrays[name] = backend.asarray(values.astype("float32"))
    return arrays


def made(arrays: dict[str, Any], after: Any = None, add: bool = False) -> Product:
    (product,) = products(arrays["a"], arrays["b"], arrays["y"], add, after or Activated())
    return product


def dropping(arrays: dict[str, Any], node: int = 3, rate: float = RATE) -> Drop:
    return Drop(arrays["mask"], np.asarray(5, "uint64"), np.asarray(6, "uint64"), node, rate)
