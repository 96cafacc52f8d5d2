"""Gated linear units: one half of an axis decides how much of the other half passes.

Shapes: x (…, 2 n, …), y (…, n, …), the axis being the last one where nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fusegrad.expr import ExpressionError, Function, activations
from fusegrad.expr import function as as_function
from fusegrad.expr.trace import traced
from fusegrad.graph import Arrays, GraphError, Layer, Spec, require
from fusegrad.layers.axes import axis_of
from fusegrad.ops import gated

GLU_FORMULA = traced(lambda a, b: a * activations.sigmoid(b), name="glu")
SWIGLU_FORMULA = traced(lambda a, b: activations.silu(a) * b, name="swiglu")
GEGLU_FORMULA = traced(lambda a, b: activations.gelu(a) * b, name="geglu")
REGLU_FORMULA = traced(lambda a, b: activations.relu(a) * b, name="reglu")


class Gated(Layer):
    """y = f(a, b) with a and b the first and the second half of x along `axis`.

    Args:
        formula: f, a function of `fg.expr` or a formula of two arguments: `Gated(lambda a, b: a * tanh(b))`.
        axis: the axis of which y has half as many entries.

    Raises GraphError for a formula of other arguments, and where x is not floating point or the axis has an odd extent.
    """

    def __init__(self, formula: Function | Callable[..., Any], axis: int = -1) -> None:
        try:
            self.function = as_function(formula)
        except ExpressionError as error:
            raise GraphError(f"{type(self).__name__} expects a formula that can be traced: {error}") from None
        taken = self.function.arguments + self.function.scalars
        fits = len(self.function.arguments) == len(taken) == 2 and len(self.function.outputs) == 1
        require(fits, type(self).__name__, "a formula of two arguments with one result", f"one of {taken}")
        self.axis = axis
        self.forward, self.backward = gated.forward(self.function), gated.backward(self.function)

    def plan(self, x: Spec) -> Arrays:
        axis = axis_of(self, self.axis, x)
        require(x.shape[axis] % 2 == 0, self, f"two halves along axis {axis}", x.shape)
        y = Spec((*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :]), x.dtype)
        return Arrays({"y": y}, constants={"axis": axis})

    def __repr__(self) -> str:
        named = type(self) is not Gated
        return f"{type(self).__name__}(axis={self.axis})" if named else f"Gated({self.function}, axis={self.axis})"


class GLU(Gated):
    """y = a σ(b) (Dauphin et al., 2017, arXiv:1612.08083)."""

    def __init__(self, axis: int = -1) -> None:
        super().__init__(GLU_FORMULA, axis)


class SwiGLU(Gated):
    """y = silu(a) b (Shazeer, 2020, arXiv:2002.05202)."""

    def __init__(self, axis: int = -1) -> None:
        super().__init__(SWIGLU_FORMULA, axis)


class GEGLU(Gated):
    """y = gelu(a) b (Shazeer, 2020, arXiv:2002.05202)."""

    def __init__(self, axis: int = -1) -> None:
        super().__init__(GEGLU_FORMULA, axis)


class ReGLU(Gated):
    """y = relu(a) b (Shazeer, 2020, arXiv:2002.05202)."""

    def __init__(self, axis: int = -1) -> None:
        super().__init__(REGLU_FORMULA, axis)
