"""What follows the sums of a product a b of shape (…, rows, columns) before they become y.

Arrays of y's shape have its dtype and strides, too; a mask is contiguous.  None stands for what is left out.  Of all
arrays only residual may be y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from fusegrad.expr import Function
from fusegrad.ops.epilogue import keeps
from fusegrad.ops.strides import Sizes, strided

LIKE_Y = "h", "residual", "saved"
APART = ("h", "y"), ("h", "residual"), ("saved", "y")  # some ways write one of them before they read the other


@dataclass(frozen=True, eq=False)
class Drop:
    """Inverted dropout as `ops.dropout.forward` has it for an array of y's shape; the mask, uint8, is written."""

    mask: Any
    seed: Any
    step: Any
    node: int
    rate: float


@dataclass(frozen=True, eq=False)
class Activated:
    """y = drop(f(a b + bias)) + residual, and h = a b + bias; of a forward pass.  bias is (columns,), of a's dtype."""

    function: Function | None = None
    bias: Any = None
    h: Any = None
    residual: Any = None
    drop: Drop | None = None

    @property
    def is_plain(self) -> bool:
        """Whether y = a b."""
        return all(getattr(self, field.name) is None for field in fields(self))


@dataclass(frozen=True, eq=False)
class Sloped:
    """y = a b f'(saved), and sums = Σ y over all rows, or += that; of a backward pass.

    `saved` is y or h of the forward pass, as `epilogue.keeps(function)` says, or None where f' is the same
    everywhere; sums (columns,), of a's dtype or float32, are of y before it is rounded to its own.
    """

    function: Function
    saved: Any = None
    sums: Any = None
    add_sums: bool = False

    @property
    def is_plain(self) -> bool:
        return False


After = Activated | Sloped


def check_after(after: After, dtype: Any, y: Any) -> None:
    """ValueError where an array is missing, or does not fit y, or a product of matrices of this dtype."""
    for name, array in like_y(after).items():
        if (array.shape, array.strides, array.dtype) != (y.shape, y.strides, y.dtype):
            expected, got = (f"{x.dtype} {x.shape} by {x.strides}" for x in (y, array))
            raise ValueError(f"a product expects {name} like y, {expected}, got {got}")
    check_apart(after, y)
    if isinstance(after, Sloped):
        check_sloped(after, dtype, y)
    else:
        check_activated(after, dtype, y)


def check_apart(after: After, y: Any) -> None:
    places = {name: int(array.data.ptr) for name, array in {"y": y, **like_y(after)}.items() if array.size}
    for name, other in APART:
        if name in places and places[name] == places.get(other):
            raise ValueError(f"a product expects {name} apart from {other}, got both at the same address")


def check_sloped(after: Sloped, dtype: Any, y: Any) -> None:
    source = keeps(after.function)
    if source is not None and after.saved is None:
        raise ValueError(f"a product expects {source}, from which the slope of {after.function} comes, got None")
    check_columns("sums", after.sums, {str(dtype), "float32"}, y)


def check_activated(after: Activated, dtype: Any, y: Any) -> None:
    check_columns("a bias", after.bias, {str(dtype)}, y)
    mask = None if after.drop is None else after.drop.mask
    if mask is not None and (mask.shape != y.shape or mask.dtype != "uint8" or not mask.flags.c_contiguous):
        raise ValueError(f"a product expects a contiguous mask of uint8 {y.shape}, got {mask.dtype} {mask.shape}")


def check_columns(what: str, array: Any, dtypes: set[str], y: Any) -> None:
    if array is not None and (array.shape != y.shape[-1:] or str(array.dtype) not in dtypes):
        expected = f"{' or '.join(sorted(dtypes))} {y.shape[-1:]}"
        raise ValueError(f"a product expects {what} of {expected}, got {array.dtype} {array.shape}")


def like_y(after: After) -> dict[str, Any]:
    """The arrays of y's shape, dtype and strides that there are."""
    arrays = {name: getattr(after, name, None) for name in LIKE_Y}
    return {name: array for name, array in arrays.items() if array is not None}


def placed(after: After, of_stack: Sizes, place: Sequence[int]) -> After:
    """What follows the product at one place of the first axes of the stack; arrays like y are memory from there on."""
    memories = {name: strided(array, of_stack).at(place).memory for name, array in like_y(after).items()}
    return replace(after, **memories)
