"""What cuBLASLt computes, by NumPy: sums in float32, or float64 for factors of float64."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.stand_in.cublaslt_checks import Problem
from cuda_on_cpu.stand_in.cublaslt_names import ComputeType

Floats = NDArray[Any]


def multiply(problem: Problem, alpha: float, beta: float, views: dict[str, Any]) -> None:
    """D = epilogue(alpha op(A) op(B) + beta C), for views of stacks (count, rows, columns), and bias and aux."""
    a, b = (factor(problem, views[name], turned) for name, turned in zip("AB", problem.transposed, strict=True))
    sums = np.asarray(alpha * (a @ b))
    if beta:
        sums = sums + beta * views["C"].astype(sums.dtype)
    views["D"][...] = finished(problem, a, b, sums, views)


def factor(problem: Problem, stack: Floats, turned: int) -> Floats:
    wide = stack.astype("float64" if problem.scale == "float64" else "float32")
    if problem.compute == ComputeType.COMPUTE_32F_FAST_TF32:
        wide = as_tf32(wide)
    return wide.transpose(0, 2, 1) if turned else wide


def as_tf32(x: Floats) -> Floats:
    """Float32 rounded to a mantissa of 10 bits, to nearest, halves away from 0; what is not finite stays."""
    rounded = ((x.view(np.uint32) + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)
    return np.where(np.isfinite(x), rounded, x)


def finished(problem: Problem, a: Floats, b: Floats, sums: Floats, views: dict[str, Any]) -> Floats:
    """What the epilogue makes of the sums; what it writes beside them is written.

    The mask of ReLU has a bit for each element of a column, the lowest first.
    """
    name = problem.name
    bias: Any = views.get("bias")
    aux: Any = views.get("aux")
    if "BIAS" in name:
        sums = sums + bias.astype(sums.dtype)[:, None]
    if name.startswith("GELU"):
        if aux is not None:
            aux[...] = sums[0]
        return gelu(sums)
    if name.startswith("RELU"):
        if aux is not None:
            aux[...] = np.packbits(sums[0] > 0, axis=0, bitorder="little")
        return np.maximum(sums, 0)
    if name.startswith("DGELU"):
        sums = sums * gelu_slope(aux.astype(sums.dtype))
    if name.startswith("DRELU"):
        sums = sums * np.unpackbits(aux, axis=0, count=sums.shape[1], bitorder="little")
    if "BGRAD" in name:
        source, axis = {"BGRADA": (a, 1), "BGRADB": (b, 0)}.get(name, (sums, 1))
        bias[...] = source[0].sum(axis)
    return sums


def gelu(x: Floats) -> Floats:
    """In the form with tanh (Hendrycks and Gimpel 2016)."""
    return np.asarray(0.5 * x * (1 + np.tanh(inside(x))), x.dtype)


def gelu_slope(x: Floats) -> Floats:
    t, scale = np.tanh(inside(x)), sqrt(2 / pi)
    return np.asarray(0.5 * (1 + t) + 0.5 * x * (1 - t * t) * scale * (1 + 3 * 0.044715 * x * x), x.dtype)


def inside(x: Floats) -> Floats:
    return np.asarray(sqrt(2 / pi) * (x + 0.044715 * x * x * x))
