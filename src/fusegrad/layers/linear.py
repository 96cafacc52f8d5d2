"""The fully connected layer."""

from __future__ import annotations

from copy import copy

from fusegrad import initializers
from fusegrad.expr import Function
from fusegrad.expr.activations import identity
from fusegrad.expr.functions import composition
from fusegrad.graph import Arrays, Chain, GraphError, Initializer, Layer, Param, Spec, require
from fusegrad.graph.precision import HALF
from fusegrad.graph.spec import is_whole
from fusegrad.layers.choice import Activation, chosen
from fusegrad.ops import linear


class Linear(Layer):
    """y = f(x Wᵀ + b) over the last axis.

    Args:
        width: outputs per row.
        activation: f, as a layer (`ReLU()`), a function of `fg.expr`, or a name ("gelu"); default: none.  It makes no
            difference to what runs whether it stands here or is the next layer.
        width_in: inputs per row; default: what the first call brings.
        bias: whether b is there.
        weight_init, bias_init: initializers; default He (He et al., 2015, arXiv:1502.01852) and zeros.

    Shapes: x (…, width_in), y (…, width), weight W (width, width_in), bias b (width,), all of x's dtype.
    Raises GraphError if x is not floating point or its last axis is not width_in.
    """

    computes_in = HALF

    def __init__(
        self,
        width: int,
        activation: Activation = None,
        *,
        width_in: int | None = None,
        bias: bool = True,
        weight_init: Initializer | None = None,
        bias_init: Initializer = initializers.zeros,
    ) -> None:
        require(is_whole(width) and width > 0, "Linear", "a positive whole number as width", repr(width))
        self.width = width = int(width)
        self.weight = Param((width, width_in), weight_init or initializers.he_normal())
        self.bias = Param((width,), bias_init, decay=False) if bias else None
        self.use(chosen(f"Linear({width})", activation))

    def use(self, function: Function) -> None:
        """Make `function` the f of this layer."""
        self.function = function
        self.keeps_h = linear.keeps(function) == "h"
        self.predict, self.forward = linear.forward(function, False), linear.forward(function, self.keeps_h)
        self.backward = linear.backward(function)
        self.chain = Chain(function, linear.backward(identity), linear.backward_through)

    def plan(self, x: Spec) -> Arrays:
        require(x.is_float and len(x.shape) > 1, self, "floating-point rows, (…, width_in)", x)
        if not self.weight.settle((self.width, x.shape[-1])):
            raise GraphError(f"{self} expects width {self.weight.shape[1]} on the last axis, got {x.shape}")
        y = Spec((*x.shape[:-1], self.width), x.dtype)
        saved = {} if self.function is identity else {"dh": y, "h": y} if self.keeps_h else {"dh": y}
        return Arrays({"y": y}, saved=saved)

    def absorb(self, function: Function) -> Linear:
        fused = copy(self)
        fused.use(composition(function, self.function))
        return fused

    def __repr__(self) -> str:
        return f"Linear({self.width})" if self.function is identity else f"Linear({self.width}, {self.function})"
