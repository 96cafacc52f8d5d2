"""What may follow a product in the terms of cuBLASLt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fusegrad.backend.cublaslt import Epilogue
from fusegrad.expr.activations import gelu_tanh, relu
from fusegrad.ops.epilogue import is_identity
from fusegrad.ops.gemm.after import Activated, Sloped
from fusegrad.ops.gemm.product import Product

ALIGNMENT = 16  # bytes, of a bias or aux that cuBLASLt reads or writes
LEADING = 8  # what the distance of rows of an aux is a multiple of, in elements


@dataclass(frozen=True)
class Fused:
    """An epilogue, and what is added to the product before it; nothing beyond the product's own `add` where None."""

    epilogue: Epilogue = field(default_factory=Epilogue)
    added: Any = None


def fused(product: Product) -> Fused | None:
    """All that follows, where cuBLASLt does it in the same call; None where it does not."""
    after = product.after
    found = sloped(product, after) if isinstance(after, Sloped) else activated(product, after)
    return found if found is None or fits(product, found.epilogue) else None


def activated(product: Product, after: Activated) -> Fused | None:
    if after.drop is not None:
        return None
    bias, h = after.bias, after.h
    if after.function is None or is_identity(after.function):
        both = product.add and after.residual is not None
        return None if both or h is not None else Fused(Epilogue(biased("", bias), bias), after.residual)
    if product.add or after.residual is not None:  # which would come before the function
        return None
    if after.function is relu and h is None:
        return Fused(Epilogue(biased("RELU", bias), bias))
    if after.function is gelu_tanh:
        name = "GELU" if h is None else "GELU_AUX"
        return Fused(Epilogue(biased(name, bias), bias, h, leading(product, h)))
    return None


def biased(name: str, bias: Any) -> str:
    parts = [*([name] if name else []), *([] if bias is None else ["BIAS"])]
    return "_".join(parts) or "DEFAULT"


def sloped(product: Product, after: Sloped) -> Fused | None:
    """Only GELU: the slope of ReLU is taken from a mask of bits, which our forward pass does not keep."""
    if after.function is not gelu_tanh or product.add or after.add_sums or product.sizes[1] == 1:
        return None
    name = "DGELU" if after.sums is None else "DGELU_BGRAD"
    return Fused(Epilogue(name, after.sums, after.saved, leading(product, after.saved)))


def leading(product: Product, aux: Any) -> int:
    """The distance of the rows of an array that lies like y."""
    rows, _, columns = product.sizes
    return 0 if aux is None else product.y.strides[-2] if rows > 1 else columns


def fits(product: Product, epilogue: Epilogue) -> bool:
    """Whether dtypes, addresses and strides are such that cuBLASLt takes the arrays of the epilogue."""
    arrays = [array for array in (epilogue.bias, epilogue.aux) if array is not None]
    if epilogue.name == "DEFAULT":
        return True
    single = product.matrices == 1 and product.dtype != "float64"
    alike = all(str(array.dtype) == product.y_dtype for array in arrays)
    aligned = all(int(array.data.ptr) % ALIGNMENT == 0 for array in arrays) and epilogue.leading % LEADING == 0
    return single and alike and aligned
