"""Scalar expressions, their derivatives by the chain rule, and loops that compute them."""

from collections.abc import Callable
from typing import Any

from fusegrad.expr.functions import Function
from fusegrad.expr.node import Expr, ExpressionError
from fusegrad.expr.primitives import absolute as abs
from fusegrad.expr.primitives import (
    erf,
    erfc,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    sigmoid,
    sign,
    sqrt,
    tanh,
    where,
)
from fusegrad.expr.special import clip, softplus
from fusegrad.expr.trace import function


def explain(formula: Function | Callable[..., Any]) -> str:
    """The expression and derivatives of a function or layer, what backward keeps of it, and the text of its loops."""
    from fusegrad.expr.explanation import explained  # which nothing else needs

    return explained(getattr(formula, "elementwise", formula))  # a layer such as ReLU() has its function there


__all__ = [
    "Expr",
    "ExpressionError",
    "Function",
    "abs",
    "clip",
    "erf",
    "erfc",
    "exp",
    "explain",
    "expm1",
    "function",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "sigmoid",
    "sign",
    "softplus",
    "sqrt",
    "tanh",
    "where",
]
