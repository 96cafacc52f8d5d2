"""Matrix products on a GPU, with what follows them: who computes one is chosen when it is bound."""

from __future__ import annotations

from typing import Any

from fusegrad.ops.gemm import choice
from fusegrad.ops.gemm.after import Activated, After, Drop, Sloped
from fusegrad.ops.gemm.product import products
from fusegrad.ops.op import Bound, in_turn

__all__ = ["Activated", "After", "Drop", "Sloped", "bind_product"]


def bind_product(a: Any, b: Any, y: Any, *, add: bool = False, after: After | None = None) -> Bound:
    """y = what `after` makes of a b, or y += that; without it, of a b itself.

    Shapes: a (…, rows, inner), b (…, inner, columns), y (…, rows, columns), views of any strides that are not negative.
    Stacks of a and b are broadcast.  a and b have one dtype, y has it, too, or float32 where it is a half type.
    Raises ValueError where shapes, strides or dtypes do not fit.
    """
    return in_turn([choice.bind(product) for product in products(a, b, y, add, after or Activated())])
