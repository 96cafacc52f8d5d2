"""Gemm and MatMul, by `ops.matmul`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops import matmul
from onnx_suite.elementwise import plus, times
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator


@operator("Gemm")
def gemm(m: Machine, node: Node, a: Any, b: Any, c: Any = None) -> Any:
    """α a b + β c, with a and b turned as the node wishes."""
    a, b = a.T if node.get("transA") else a, b.T if node.get("transB") else b
    product = m.made(matmul, a, b, shape=(a.shape[0], b.shape[1]))
    scaled = times(m, product, node.get("alpha", 1.0))
    return scaled if c is None else plus(m, scaled, times(m, c, node.get("beta", 1.0)))


@operator("MatMul")
def stacked_product(m: Machine, node: Node, a: Any, b: Any) -> Any:
    """Products of stacks that are broadcast; a vector is one row, or one column, which the result lacks."""
    rows, columns = a.reshape(-1, len(a)) if a.ndim == 1 else a, b.reshape(-1, 1) if b.ndim == 1 else b
    stack = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    y = m.made(matmul, rows, columns, shape=(*stack, rows.shape[-2], columns.shape[-1]))
    return y.reshape((*stack, *a.shape[:-1][-1:], *b.shape[1:][-1:]))
