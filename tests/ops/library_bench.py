"""Products for tests of cuBLASLt, and what they have to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from checks import check_close

from cuda_on_cpu import StandIn
from fusegrad.backend.cuda import CudaBackend
from fusegrad.expr.activations import gelu_tanh
from fusegrad.ops.gemm import Activated, Sloped, library
from fusegrad.ops.gemm.product import Product, products

ROWS, INNER, COLUMNS = 13, 9, 24


class Bench:
    """Arrays on a stand-in for a device of an architecture, or on a device."""

    def __init__(self, architecture: str = "90", dtype: str = "float32", backend: Any = None) -> None:
        if dtype == "bfloat16":
            pytest.importorskip("ml_dtypes", reason="ml_dtypes, which gives NumPy bfloat16, is not installed")
        self.backend = backend or CudaBackend(StandIn(architecture=architecture))
        self.generator, self.dtype = np.random.default_rng(0), dtype

    def draw(self, *shape: int, dtype: str | None = None) -> Any:
        values = self.generator.uniform(-2, 2, shape).astype(dtype or self.dtype)
        return self.backend.asarray(values)

    def product(self, after: Any = None, *, add: bool = False, y_dtype: str | None = None, **arrays: Any) -> Product:
        a, b = arrays.get("a", self.draw(ROWS, INNER)), arrays.get("b", self.draw(COLUMNS, INNER).T)
        y = arrays.get("y", self.draw(ROWS, COLUMNS, dtype=y_dtype))
        (product,) = products(a, b, y, add, after or Activated())
        return product

    def names(self, product: Product) -> list[str]:
        with self.backend.using_stream():
            return [name for name, _ in library.candidates(product)]

    def run(self, product: Product, name: str) -> None:
        """Compute it in the way with this name."""
        with self.backend.using_stream():
            bound = dict(library.candidates(product))[name]()
            assert bound is not None
            bound()
        self.backend.synchronize()

    def check(self, name: str, array: Any, expected: np.ndarray, reduction: int = INNER) -> None:
        check_close(name, self.backend.to_numpy(array), expected, self.dtype, reduction)


def wide(array: Any) -> np.ndarray:
    return array.get().astype("float64")


@dataclass(frozen=True)
class Forward:
    """y = f(a bᵀ + bias), and h where it is kept."""

    function: Any
    biased: bool
    keep_h: bool

    def check(self, bench: Bench, name: str) -> bool:
        """Compute it in this way and compare; whether there is the way."""
        a, b = bench.draw(ROWS, INNER), bench.draw(COLUMNS, INNER)
        bias = bench.draw(COLUMNS) if self.biased else None
        h = bench.draw(ROWS, COLUMNS) if self.keep_h else None
        product = bench.product(Activated(self.function, bias, h), a=a, b=b.T)
        if name not in bench.names(product):
            return False
        bench.run(product, name)
        expected = wide(a) @ wide(b).T + (wide(bias) if self.biased else 0)
        if h is not None:
            bench.check("h", h, expected)
        bench.check("y", product.y.memory, expected if self.function is None else self.function(expected))
        return True


@dataclass(frozen=True)
class Backward:
    """y = a b f'(saved) for GELU with tanh, and its sums."""

    summed: bool

    def check(self, bench: Bench, name: str) -> bool:
        a, b, saved = bench.draw(ROWS, INNER), bench.draw(INNER, COLUMNS), bench.draw(ROWS, COLUMNS)
        sums = bench.draw(COLUMNS) if self.summed else None
        product = bench.product(Sloped(gelu_tanh, saved, sums), a=a, b=b)
        if name not in bench.names(product):
            return False
        bench.run(product, name)
        expected = wide(a) @ wide(b) * gelu_tanh.derivative()(wide(saved))
        bench.check("y", product.y.memory, expected)
        if sums is not None:
            bench.check("sums", sums, expected.sum(0), INNER * ROWS)
        return True
