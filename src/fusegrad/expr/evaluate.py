"""Expressions computed directly, node by node: for arrays of any shape, and for checking the fast ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fusegrad.expr.lowering import lowered
from fusegrad.expr.node import Expr, topological
from fusegrad.expr.primitives import PRIMITIVES


def evaluate(roots: Sequence[Expr], arrays: Mapping[str, Any]) -> list[Any]:
    """Fresh arrays, one per root, of the arguments' broadcast shape and their dtype; NumPy or CuPy, as they are.

    Integers are computed as float64.  Overflow gives inf, a division by zero inf or NaN, and no warning, as on a GPU.
    """
    template = next(iter(arrays.values()))
    common = np.result_type(*(array.dtype for array in arrays.values()))
    dtype = common.name if common.kind == "f" else "float64"
    arrays = {name: array.astype(dtype, copy=False) for name, array in arrays.items()}
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    simple = [lowered(root, dtype) for root in roots]
    values: dict[Expr, Any] = {}
    with np.errstate(all="ignore"):
        for node in topological(simple):
            values[node] = value_of(node, [values[operand] for operand in node.args], arrays, dtype)
    results = [np.empty_like(template, shape=shape, dtype=dtype) for _ in simple]
    for result, root in zip(results, simple, strict=True):
        result[...] = values[root]
    return results


def value_of(node: Expr, operands: list[Any], arrays: Mapping[str, Any], dtype: str) -> Any:
    match node.op:
        case "argument":
            return arrays[node.value]
        case "constant":
            return np.dtype(dtype).type(node.value)  # a choice of two Python floats would be float64
        case "where":
            return np.where(*operands)
    return PRIMITIVES[node.op].value(*operands)
