"""The primitives: each with its value, its derivatives by the chain rule, and how CUDA and Numba spell it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusegrad.expr.node import OPERATIONS, Expr, ExpressionError, apply, as_expr, constant, make
from fusegrad.expr.simplify import SIMPLER

Partials = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True)
class Primitive:
    """An operation on scalars.

    `value` computes it, by a NumPy ufunc where there is one.  `partials(*operands, y)` gives the derivative by each
    operand, in terms of operands or of y, the result: what can be said by y lets a backward pass keep y alone.
    `cuda` and `numba` are its text around operands in braces.
    """

    name: str
    value: Callable[..., Any]
    partials: Partials
    cuda: str
    numba: str


PRIMITIVES: dict[str, Primitive] = {}


def primitive(
    name: str, value: Callable[..., Any], partials: Partials, cuda: str, numba: str | None = None
) -> Callable[..., Expr]:
    """Enter a primitive into the table; the function that it returns makes nodes of it."""
    PRIMITIVES[name] = Primitive(name, value, partials, cuda, numba or cuda)

    def operation(*operands: Any) -> Expr:
        return build(name, *map(as_expr, operands))

    operation.__name__ = name
    operation.__doc__ = f"{name}, as a part of an expression."
    OPERATIONS[name] = operation
    return operation


def build(name: str, *operands: Expr) -> Expr:
    """The node, or something simpler that equals it."""
    check_conditions(name, operands)
    if all(operand.op == "constant" for operand in operands):
        return fold(name, operands)
    simplify = SIMPLER.get(name)
    simpler = simplify(*operands) if simplify else None
    return make(name, operands) if simpler is None else simpler


def fold(name: str, operands: tuple[Expr, ...]) -> Expr:
    """The constant that an operation on constants gives, by IEEE arithmetic: inf or NaN where it has no value."""
    with np.errstate(all="ignore"):
        return constant(PRIMITIVES[name].value(*(np.float64(operand.value) for operand in operands)))


def check_conditions(name: str, operands: tuple[Expr, ...]) -> None:
    """A condition is the first operand of `where`, and nothing else is."""
    for place, operand in enumerate(operands):
        wanted = name == "where" and place == 0
        if wanted and not operand.is_condition and operand.op != "constant":
            raise ExpressionError(f"where expects a comparison such as x > 0, got {operand}")
        if operand.is_condition and not wanted:
            raise ExpressionError(f"{operand} is a condition, not a number; for a choice, write where(condition, a, b)")


def chosen(condition: Expr, a: Any, b: Any) -> Expr:
    return apply("where", condition, a, b)


def power_partials(a: Expr, b: Expr, y: Expr) -> tuple[Expr, Expr]:
    by_base = b * a ** (b - 1)
    return by_base, chosen(a > 0, y * log(a), 0.0)


add = primitive("add", np.add, lambda a, b, y: (1, 1), "({0} + {1})")
sub = primitive("sub", np.subtract, lambda a, b, y: (1, -1), "({0} - {1})")
mul = primitive("mul", np.multiply, lambda a, b, y: (b, a), "({0} * {1})")
div = primitive("div", np.divide, lambda a, b, y: (1 / b, -y / b), "({0} / {1})")
neg = primitive("neg", np.negative, lambda a, y: (-1,), "(-{0})")
power = primitive("pow", np.power, power_partials, "pow({0}, {1})")
exp = primitive("exp", np.exp, lambda a, y: (y,), "exp({0})")
expm1 = primitive("expm1", np.expm1, lambda a, y: (y + 1,), "expm1({0})")
log = primitive("log", np.log, lambda a, y: (1 / a,), "log({0})")
log1p = primitive("log1p", np.log1p, lambda a, y: (1 / (1 + a),), "log1p({0})")
tanh = primitive("tanh", np.tanh, lambda a, y: (1 - y * y,), "tanh({0})")
sigmoid = primitive(
    "sigmoid", lambda a: 1 / (1 + np.exp(-a)), lambda a, y: (y * (1 - y),), "fg_sigmoid({0})", "sigmoid({0})"
)
sqrt = primitive("sqrt", np.sqrt, lambda a, y: (0.5 / y,), "sqrt({0})", "np.sqrt({0})")
absolute = primitive("abs", np.abs, lambda a, y: (apply("sign", a),), "fabs({0})", "abs({0})")
sign = primitive("sign", np.sign, lambda a, y: (0,), "fg_sign({0})", "sign({0})")
erf = primitive("erf", math.erf, lambda a, y: (2 / math.sqrt(math.pi) * exp(-a * a),), "erf({0})")
erfc = primitive("erfc", math.erfc, lambda a, y: (-2 / math.sqrt(math.pi) * exp(-a * a),), "erfc({0})")
# Where both are equal, the derivative goes to the second operand; constants are put second, so max(x, 0) has 0 at 0.
minimum = primitive(
    "min",
    np.minimum,
    lambda a, b, y: (chosen(a < b, 1.0, 0.0), chosen(a < b, 0.0, 1.0)),
    "fg_min({0}, {1})",
    "minimum({0}, {1})",
)
maximum = primitive(
    "max",
    np.maximum,
    lambda a, b, y: (chosen(b < a, 1.0, 0.0), chosen(b < a, 0.0, 1.0)),
    "fg_max({0}, {1})",
    "maximum({0}, {1})",
)
less = primitive("lt", np.less, lambda a, b, y: (None, None), "({0} < {1})")
less_equal = primitive("le", np.less_equal, lambda a, b, y: (None, None), "({0} <= {1})")
where = primitive(
    "where",
    lambda condition, a, b: a if condition else b,
    lambda condition, a, b, y: (None, chosen(condition, 1.0, 0.0), chosen(condition, 0.0, 1.0)),
    "({0} ? {1} : {2})",
    "({1} if {0} else {2})",
)
