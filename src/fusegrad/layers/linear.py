"""The fully connected layer."""

from __future__ import annotations

from fusegrad import initializers
from fusegrad.graph import Arrays, GraphError, Initializer, Layer, Param, Spec, require
from fusegrad.ops import linear


class Linear(Layer):
    """y = x Wᵀ + b over the last axis.

    Args:
        width: outputs per row.
        width_in: inputs per row; default: what the first call brings.
        bias: whether b is there.
        weight_init, bias_init: initializers; default He (He et al., 2015, arXiv:1502.01852) and zeros.

    Shapes: x (…, width_in), y (…, width), weight W (width, width_in), bias b (width,), all of x's dtype.
    Raises GraphError if x is not floating point or its last axis is not width_in.
    """

    def __init__(
        self,
        width: int,
        *,
        width_in: int | None = None,
        bias: bool = True,
        weight_init: Initializer | None = None,
        bias_init: Initializer = initializers.zeros,
    ) -> None:
        require(isinstance(width, int) and width > 0, "Linear", "a positive width", width)
        self.width = width
        self.weight = Param((width, width_in), weight_init or initializers.he_normal())
        self.bias = Param((width,), bias_init, decay=False) if bias else None

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float and len(x.shape) > 1, self, "floating-point rows, (…, width_in)", x)
        if not self.weight.settle((self.width, x.shape[-1])):
            raise GraphError(f"{self} expects width {self.weight.shape[1]} on the last axis, got {x.shape}")
        return Arrays({"y": Spec((*x.shape[:-1], self.width), x.dtype)})

    forward, backward = linear.forward, linear.backward

    def __repr__(self) -> str:
        return f"Linear({self.width})"
