"""Scalar expressions, their derivatives by the chain rule, and loops that compute them."""

from fusegrad.expr.explanation import explain
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
