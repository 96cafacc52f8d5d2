"""Activations: x, y, dy, dx of one shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.ops.op import op


@op
def relu(x: Any, y: Any) -> None:
    """y = max(x, 0)."""
    np.maximum(x, 0, out=y)


@op
def relu_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx = dy where y > 0, else 0; the derivative at 0 is 0."""
    np.multiply(dy, y > 0, out=dx)


@op
def sigmoid(x: Any, y: Any) -> None:
    """y = 1 / (1 + exp(-x)), as exp(min(x, 0)) / (1 + exp(-|x|)), which overflows nowhere and keeps small tails."""
    np.abs(x, out=y)
    np.negative(y, out=y)
    np.exp(y, out=y)
    numerator = np.where(x >= 0, 1, y)
    np.add(y, 1, out=y)
    np.divide(numerator, y, out=y)


@op
def sigmoid_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx = dy y (1 - y)."""
    np.subtract(1, y, out=dx)
    np.multiply(dx, y, out=dx)
    np.multiply(dx, dy, out=dx)


@op
def tanh(x: Any, y: Any) -> None:
    np.tanh(x, out=y)


@op
def tanh_backward(dy: Any, y: Any, dx: Any) -> None:
    """dx = dy (1 - y²)."""
    np.multiply(y, y, out=dx)
    np.subtract(1, dx, out=dx)
    np.multiply(dx, dy, out=dx)
