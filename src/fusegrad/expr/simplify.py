"""What an operation on given operands can be replaced by when it is made: something simpler that equals it."""

from __future__ import annotations

import math
from collections.abc import Callable

from fusegrad.expr.node import Expr, apply, constant, make


def is_number(node: Expr, value: float) -> bool:
    return node.op == "constant" and node.value == value


def simpler_add(a: Expr, b: Expr) -> Expr | None:
    if a.op == "constant":
        a, b = b, a
    if is_number(b, 0):
        return a
    if b.op == "constant" and a.op == "add" and a.args[1].op == "constant":
        return apply("add", a.args[0], a.args[1].value + b.value)
    if b.op == "neg":
        return apply("sub", a, b.args[0])
    if a.op == "neg":
        return apply("sub", b, a.args[0])
    return make("add", (a, b))


def simpler_sub(a: Expr, b: Expr) -> Expr | None:
    if is_number(b, 0):
        return a
    if is_number(a, 0):
        return apply("neg", b)
    if a is b:
        return constant(0.0)
    if b.op == "neg":
        return apply("add", a, b.args[0])
    return None


def simpler_mul(a: Expr, b: Expr) -> Expr | None:
    if a.op == "constant":
        a, b = b, a
    if is_number(b, 0):  # also for an a that is not finite: what was chosen away stays away
        return constant(0.0)
    if is_number(b, 1):
        return a
    if is_number(b, -1):
        return apply("neg", a)
    if a.op == "neg" and b.op == "constant":
        return apply("mul", a.args[0], -b.value)
    if a.op == "neg" or b.op == "neg":
        product = apply("mul", *(node.args[0] if node.op == "neg" else node for node in (a, b)))
        return product if a.op == b.op else apply("neg", product)
    if b.op == "constant" and a.op == "mul" and a.args[1].op == "constant":
        return apply("mul", a.args[0], b.value * a.args[1].value)
    found = (undone(a, b), by_choice(a, b), by_choice(b, a))
    return next((simpler for simpler in found if simpler is not None), make("mul", (a, b)))


def undone(a: Expr, b: Expr) -> Expr | None:
    """(u / c + d) c = u + c d, which the derivative of c expm1(x) in terms of the output comes to."""
    if a.op != "add" or {b.op, a.args[1].op} != {"constant"}:
        return None
    inner, shift = a.args
    if inner.op == "mul" and inner.args[1].op == "constant" and abs(inner.args[1].value * b.value - 1) < 1e-15:
        return apply("add", inner.args[0], shift.value * b.value)
    return None


def by_choice(factor: Expr, choice: Expr) -> Expr | None:
    """factor · where(c, 1, 0) = where(c, factor, 0), without multiplying."""
    if choice.op != "where":
        return None
    condition, a, b = choice.args
    if {a.op, b.op} == {"constant"} and 0 in (a.value, b.value):
        return apply("where", condition, apply("mul", factor, a), apply("mul", factor, b))
    return None


def simpler_div(a: Expr, b: Expr) -> Expr | None:
    if is_number(a, 0):
        return constant(0.0)
    if is_number(b, 1):
        return a
    if b.op == "constant" and b.value and abs(math.frexp(b.value)[0]) == 0.5:  # a power of two: exact
        return apply("mul", a, 1 / b.value)
    if a.op == "neg":
        return apply("neg", apply("div", a.args[0], b))
    return None


def simpler_neg(a: Expr) -> Expr | None:
    if a.op == "neg":
        return a.args[0]
    if a.op == "sub":
        return apply("sub", a.args[1], a.args[0])
    if a.op in ("mul", "div") and any(operand.op == "constant" for operand in a.args):
        return apply(a.op, *(-operand.value if operand.op == "constant" else operand for operand in a.args))
    return None


def simpler_pow(a: Expr, b: Expr) -> Expr | None:
    if b.op != "constant":
        return None
    simple: dict[float, Callable[[], Expr]] = {
        0.0: lambda: constant(1.0),
        1.0: lambda: a,
        2.0: lambda: apply("mul", a, a),
        3.0: lambda: apply("mul", apply("mul", a, a), a),
        -1.0: lambda: apply("div", 1.0, a),
        -2.0: lambda: apply("div", 1.0, apply("mul", a, a)),
        0.5: lambda: apply("sqrt", a),
    }
    return simple[b.value]() if b.value in simple else None


def simpler_where(condition: Expr, a: Expr, b: Expr) -> Expr | None:
    if condition.op == "constant":
        return a if condition.value else b
    if a is b:
        return a
    a = a.args[1] if a.op == "where" and a.args[0] is condition else a
    b = b.args[2] if b.op == "where" and b.args[0] is condition else b
    return make("where", (condition, a, b))


def simpler_extreme(name: str) -> Callable[[Expr, Expr], Expr | None]:
    def simpler(a: Expr, b: Expr) -> Expr | None:
        if a is b:
            return a
        return make(name, (b, a)) if a.op == "constant" else None

    return simpler


SIMPLER: dict[str, Callable[..., Expr | None]] = {
    "add": simpler_add,
    "sub": simpler_sub,
    "mul": simpler_mul,
    "div": simpler_div,
    "neg": simpler_neg,
    "pow": simpler_pow,
    "where": simpler_where,
    "min": simpler_extreme("min"),
    "max": simpler_extreme("max"),
}
