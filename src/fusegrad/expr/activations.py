"""Activation functions, each one formula; those with parameters are made by a call: `leaky_relu(0.2)`.

A derivative is given only where the chain rule's would cancel or come to inf · 0, or where the output alone suffices
for it.  At a kink it is the one that PyTorch has: ReLU'(0) = 0, leaky ReLU'(0) is the slope, hard Swish'(3) = 1.  NaN
gives NaN, with a derivative that is NaN unless the function is made of straight lines.
"""

from __future__ import annotations

from math import pi
from math import sqrt as root

from fusegrad.expr import primitives
from fusegrad.expr.functions import Function
from fusegrad.expr.node import Expr
from fusegrad.expr.primitives import absolute, erfc, exp, expm1, maximum, minimum, sign, sqrt, where
from fusegrad.expr.special import FAR, clip, near
from fusegrad.expr.special import softplus as softplus  # log(1 + eˣ), Dugas et al. 2001
from fusegrad.expr.trace import traced

HUGE = 1e18  # its square is a float32, and 1 + HUGE is HUGE


def require(holds: bool, expected: str, got: float) -> None:
    if not holds:
        raise ValueError(f"{expected}, got {got}")


# Straight lines.

identity = traced(lambda x: x, name="identity")
relu = traced(lambda x: maximum(x, 0), name="relu")  # Nair and Hinton 2010
relu6 = traced(lambda x: clip(x, 0, 6), name="relu6")  # Krizhevsky 2010
hard_tanh = traced(lambda x: clip(x, -1, 1), name="hard_tanh")  # Collobert 2004
hard_sigmoid = traced(lambda x: clip(x + 3, 0, 6) * (1 / 6), name="hard_sigmoid")  # Howard et al. 2019
prelu = traced(lambda x, slope: where(x > 0, x, slope * x), name="prelu")  # of two arguments; He et al. 2015


def leaky_relu(slope: float = 0.01) -> Function:
    """x above 0, `slope` x below (Maas et al. 2013)."""
    extreme = maximum if slope <= 1 else minimum  # chooses as `where` does, in a third of the time

    def derivative(x_or_y: Expr) -> Expr:
        return where(x_or_y > 0, 1, slope)

    return traced(
        lambda x: extreme(x, slope * x),
        name=f"leaky_relu({slope})",
        derivative=derivative,
        derivative_from_output=derivative if slope >= 0 else None,  # y has the sign of x
    )


def threshold(threshold: float, value: float) -> Function:
    """x above `threshold`, else `value`."""
    return traced(lambda x: where(x <= threshold, value, x), name=f"threshold({threshold}, {value})")


def hard_shrink(bound: float = 0.5) -> Function:
    """0 for |x| <= `bound`, else x."""
    require(bound >= 0, "hard_shrink expects bound >= 0", bound)
    return traced(
        lambda x: where(absolute(x) <= bound, 0, x),
        name=f"hard_shrink({bound})",
        derivative_from_output=lambda y: absolute(sign(y)),
    )


def soft_shrink(bound: float = 0.5) -> Function:
    """0 for |x| <= `bound`, else x moved towards 0 by `bound`."""
    require(bound >= 0, "soft_shrink expects bound >= 0", bound)
    return traced(
        lambda x: x - clip(x, -bound, bound),
        name=f"soft_shrink({bound})",
        derivative=lambda x: where(absolute(x) <= bound, 0, 1),
        derivative_from_output=lambda y: absolute(sign(y)),
    )


# Saturating on both sides.

sigmoid = traced(lambda x: primitives.sigmoid(x), name="sigmoid")
tanh = traced(lambda x: primitives.tanh(x), name="tanh")


def _softsign(x: Expr) -> Expr:
    bounded = clip(x, -HUGE, HUGE)
    return bounded / (1 + absolute(bounded))


softsign = traced(  # x / (1 + |x|), Bergstra et al. 2009
    _softsign,
    name="softsign",
    derivative=lambda x: (1 / (1 + absolute(x))) * (1 / (1 + absolute(x))),  # in which |x| = inf does no harm
    derivative_from_output=lambda y: (1 - absolute(y)) * (1 - absolute(y)),
)

# Growing on one side, with a smooth tail on the other.

exponential = traced(lambda x: exp(x), name="exponential")
log_sigmoid = traced(  # log σ(x)
    lambda x: -softplus(-x),
    name="log_sigmoid",
    derivative=lambda x: primitives.sigmoid(-x),
    derivative_from_output=lambda y: -expm1(y),
)


def elu(alpha: float = 1.0) -> Function:
    """x above 0, α (eˣ − 1) below (Clevert et al. 2016)."""
    return traced(lambda x: where(x > 0, x, alpha * expm1(x)), name=f"elu({alpha})")


def celu(alpha: float = 1.0) -> Function:
    """x above 0, α (exp(x/α) − 1) below, which is smooth for every α > 0 (Barron 2017)."""
    require(alpha > 0, "celu expects alpha > 0", alpha)
    return traced(lambda x: where(x > 0, x, alpha * expm1(x / alpha)), name=f"celu({alpha})")


# ELU times a number, both constants such that layers keep mean 0 and variance 1 (Klambauer et al. 2017).
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
selu = traced(lambda x: where(x > 0, SELU_SCALE * x, SELU_SCALE * SELU_ALPHA * expm1(x)), name="selu")


def squareplus(b: float = 4.0) -> Function:
    """(x + √(x² + b)) / 2 (Barron 2021), in a form that does not cancel below 0."""
    require(b > 0, "squareplus expects b > 0", b)

    def derivative(x: Expr) -> Expr:
        bounded = clip(x, -HUGE, HUGE)
        return 0.5 + 0.5 * (bounded / sqrt(bounded * bounded + b))

    return traced(
        lambda x: maximum(x, 0) + b / 2 / (absolute(x) + sqrt(x * x + b)),
        name=f"squareplus({b})",
        derivative=derivative,
        derivative_from_output=lambda y: 1 / (1 + b / 4 / (y * y)),  # since x = y − b / (4 y)
    )


# x times a gate that goes from 0 to 1.  −FAR stands for x below it, where the gate is 0.


def _gated_slope(x: Expr, v: Expr, dv: Expr | float) -> Expr:
    """The derivative of x σ(v): σ (1 + x v' (1 − σ)), where 1 − σ = e σ with e = exp(−v) does not cancel."""
    e = exp(minimum(-v, 87))  # almost the largest float32; for less v the result is below 1e-28 instead of 0
    gate = 1 / (1 + e)
    return gate * (1 + x * dv * (e * gate))


def _tanh_gate(x: Expr) -> Expr:
    """2 √(2/π) (x + 0.044715 x³)."""
    return x * (2 * root(2 / pi) + 2 * root(2 / pi) * 0.044715 * (x * x))


def _gelu_tanh_slope(x: Expr) -> Expr:
    x = near(x)
    return _gated_slope(x, _tanh_gate(x), 2 * root(2 / pi) + 6 * root(2 / pi) * 0.044715 * (x * x))


def _normal_distribution(x: Expr) -> Expr:
    return 0.5 * erfc(-x * root(0.5))


def _gelu_slope(x: Expr) -> Expr:
    """Φ(x) + x φ(x)."""
    x = near(x)
    return _normal_distribution(x) + x * (1 / root(2 * pi) * exp(-0.5 * (x * x)))


def _mish(x: Expr) -> Expr:
    """tanh(log(1 + e)) = n / (n + 2) with n = e (e + 2), e = eˣ; from x = 21 on it is 1 to the last bit of float64."""
    e = exp(minimum(x, 21))
    n = e * (e + 2)
    return maximum(x, -FAR) * (n / (n + 2))


def _mish_slope(x: Expr) -> Expr:
    """tanh(u) + x σ(x) / cosh²(u) with u = softplus(x), both rational in eˣ."""
    x = clip(x, -FAR, 21)
    e = exp(x)
    n = e * (e + 2)
    return n / (n + 2) + 4 * x * (e * (e + 1)) / ((n + 2) * (n + 2))


silu = traced(  # x σ(x), Elfwing et al. 2017; as Swish, Ramachandran et al. 2017
    lambda x: maximum(x, -FAR) * primitives.sigmoid(x),
    name="silu",
    derivative=lambda x: _gated_slope(near(x), near(x), 1),
)
swish = silu
hard_swish = traced(  # x relu6(x + 3) / 6, Howard et al. 2019
    lambda x: maximum(x, -3) * (clip(x + 3, 0, 6) * (1 / 6)),
    name="hard_swish",
    derivative=lambda x: where(x <= -3, 0, where(x >= 3, 1, x * (1 / 3) + 0.5)),
)
mish = traced(_mish, name="mish", derivative=_mish_slope)  # x tanh(softplus(x)), Misra 2019
gelu = traced(  # x Φ(x), with Φ the distribution of N(0, 1); Hendrycks and Gimpel 2016
    lambda x: maximum(x, -FAR) * _normal_distribution(x), name="gelu", derivative=_gelu_slope
)
gelu_tanh = traced(  # x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, from the same paper, as x σ(v)
    lambda x: maximum(x, -FAR) * primitives.sigmoid(_tanh_gate(x)), name="gelu_tanh", derivative=_gelu_tanh_slope
)

# All of one argument by name, with their default parameters.
ACTIVATIONS: dict[str, Function] = {
    "celu": celu(),
    "elu": elu(),
    "exponential": exponential,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "hard_shrink": hard_shrink(),
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": hard_swish,
    "hard_tanh": hard_tanh,
    "identity": identity,
    "leaky_relu": leaky_relu(),
    "log_sigmoid": log_sigmoid,
    "mish": mish,
    "relu": relu,
    "relu6": relu6,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "soft_shrink": soft_shrink(),
    "softplus": softplus,
    "softsign": softsign,
    "squareplus": squareplus(),
    "swish": swish,
    "tanh": tanh,
}
