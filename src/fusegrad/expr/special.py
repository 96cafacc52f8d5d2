"""What formulas are made of beside the primitives.

At ±inf a product of x and what vanishes faster is 0, where floating point has inf · 0 = NaN; there `near` takes the
place of x, beyond whose bound the other factor is 0 in every precision.
"""

from __future__ import annotations

from fusegrad.expr.node import Expr
from fusegrad.expr.primitives import absolute, exp, expm1, log1p, maximum, minimum, sigmoid
from fusegrad.expr.trace import traced

FAR = 1000.0  # exp(-FAR) is 0 in float64


def clip(x: Expr, low: float, high: float) -> Expr:
    """x within low .. high."""
    return minimum(maximum(x, low), high)


def near(x: Expr) -> Expr:
    """x within ±FAR."""
    return clip(x, -FAR, FAR)


def _softplus(x: Expr) -> Expr:
    return maximum(x, 0) + log1p(exp(-absolute(x)))


softplus = traced(
    _softplus, name="softplus", derivative=sigmoid, derivative_from_output=lambda y: -expm1(-y)
)  # log(1 + eˣ)
