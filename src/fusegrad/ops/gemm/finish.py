"""What kernels/finish.cuh is given, which is the same for every kernel of products."""

from __future__ import annotations

from typing import Any

from fusegrad.backend import random
from fusegrad.backend.cuda import namespace
from fusegrad.backend.random_kernels import coordinates
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.ops.epilogue import epilogue_header, is_identity
from fusegrad.ops.gemm.after import Activated, Drop, Sloped
from fusegrad.ops.gemm.product import Product
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.reduction import launch_sums


def finish_header(product: Product) -> dict[str, str]:
    """The text that takes the place of kernels/epilogue.cuh, by its name; nothing where that file will do."""
    after = product.after
    dropped = isinstance(after, Activated) and after.drop is not None
    sloped = isinstance(after, Sloped)
    if not dropped and not sloped and (after.function is None or is_identity(after.function)):
        return {}
    return epilogue_header(after.function, product.dtype, sloped=sloped, dropped=dropped)


def finish_types(product: Product) -> str:
    """The first two arguments of a kernel's template: types of a and b, and of y."""
    return f"{c_type(product.dtype)}, {c_type(product.y_dtype)}"


def finish_arguments(product: Product, sums: Any = None) -> tuple[Any, ...]:
    """The last arguments of a kernel; `sums` is for what its blocks add, see `with_sums`."""
    after, y = product.after, product.y
    bias, h, residual = (getattr(after, name, None) for name in ("bias", "h", "residual"))
    saved = getattr(after, "saved", None)
    return (bias, saved, residual, h, y.memory, sums, *drop_arguments(product), *y.strides, product.add)


def drop_arguments(product: Product) -> tuple[Any, ...]:
    """Mask, where the words come from, which of them keep an element, and the factor of what is kept."""
    drop: Drop | None = getattr(product.after, "drop", None)
    if drop is None:
        return None, None, 0, None, 0, 0, 0, 1.0
    where = coordinates(drop.seed, drop.step, drop.node)
    return drop.mask, *where, random.threshold(drop.rate), 1 / (1 - drop.rate)


def workspace_for_sums(product: Product, lines: int) -> Any:
    """Space for the column sums of so many lines of blocks; None where no sums are wanted."""
    after = product.after
    if not isinstance(after, Sloped) or after.sums is None:
        return None
    return namespace(product.y.memory).empty((lines, product.sizes[2]), accumulated(product.dtype))


def with_sums(product: Product, launch: Bound, sums: Any) -> Bound:
    """The launch, and behind it, where its blocks leave sums in this workspace, the total of these."""
    after = product.after
    if sums is None or not isinstance(after, Sloped):
        return launch
    total = launch_sums(sums, after.sums, outer=1, length=len(sums), inner=product.sizes[2], add=after.add_sums)
    return in_turn([launch, total])
