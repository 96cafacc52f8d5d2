"""What products have in common: a text that is the same for alike ones, and one more of a kind to try things out on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fusegrad.backend.cublaslt.call import WIDEST, alignment
from fusegrad.backend.cuda import namespace
from fusegrad.backend.dtypes import is_float
from fusegrad.backend.random_kernels import bind_normal
from fusegrad.ops.gemm.after import After, Sloped
from fusegrad.ops.gemm.product import Product
from fusegrad.ops.strides import Strided

SEED = 20  # of the numbers in a copy
Copy = Callable[[Any], Any]


def signature(product: Product) -> tuple[Any, ...]:
    """All of a product that its speed may depend on, but for the text of its function, which has only its name here.

    Which numbers dropout draws is left out, but not that there is a mask.  Arrays stand there by dtype and alignment,
    and by the number of the first one that begins at the same address.
    """
    places: dict[int, int] = {}

    def of(array: Any) -> Any:
        if array is None:
            return None
        address = int(array.data.ptr)
        return str(array.dtype), alignment(address), places.setdefault(address, len(places))

    factors = [(of(matrix.memory), matrix.strides) for matrix in (product.a, product.b, product.y)]
    return *product.sizes, product.stack, *factors, product.add, product.arithmetic, of_after(product.after, of)


def of_after(after: After, of: Copy) -> tuple[Any, ...]:
    function = None if after.function is None else str(after.function)
    if isinstance(after, Sloped):
        return "slope", function, of(after.saved), of(after.sums), after.add_sums
    return "function", function, *map(of, (after.bias, after.h, after.residual, after.drop and after.drop.mask))


def copied(product: Product) -> Product:
    """The same product of other arrays: of random numbers, since zeros are multiplied faster, and as well aligned.

    Arrays that begin at the same address do so in the copy.  Seed and step of dropout, which are only read, are shared.
    """
    copies: dict[tuple[Any, ...], Any] = {}

    def copy(array: Any) -> Any:
        if array is None:
            return None
        key = int(array.data.ptr), str(array.dtype), array.shape
        if key not in copies:
            copies[key] = random_like(array, len(copies))
        return copies[key]

    a, b, y = (Strided(copy(matrix.memory), matrix.strides) for matrix in (product.a, product.b, product.y))
    return replace(product, a=a, b=b, y=y, after=copied_after(product.after, copy))


def copied_after(after: After, copy: Copy) -> After:
    if isinstance(after, Sloped):
        return replace(after, saved=copy(after.saved), sums=copy(after.sums))
    arrays = {name: copy(getattr(after, name)) for name in ("bias", "h", "residual")}
    drop = after.drop and replace(after.drop, mask=copy(after.drop.mask))
    return replace(after, **arrays, drop=drop)


def random_like(array: Any, number: int) -> Any:
    """Memory of the same shape, dtype and alignment, from N(0, 1); integers, which are only written, are left alone."""
    memory = namespace(array).empty(array.size + WIDEST // array.itemsize, array.dtype)
    start = (int(array.data.ptr) - int(memory.data.ptr)) % WIDEST // array.itemsize
    found = memory[start : start + array.size].reshape(array.shape)
    if is_float(array.dtype):
        bind_normal(found, SEED, 0, number, mean=0.0, std=1.0)()
    return found
