"""What a backward pass has to keep: derivatives said in terms of the output alone, where that is possible.

The primitives say their own derivatives by their output, which a search for the output's node in the derivative then
finds.  The rules here add what the search cannot see.  With y = f(x):

    y = c u, u / c, -u          u = y / c, c y, -y; but not u + c, since adding c rounds small u away
    y = max(u, c), min(u, c)    u > c ⇔ y > c, u < c ⇔ y < c, and u = y there, where alone the slope is not 0
    y = where(x > 0, a, b)      x > 0 ⇔ y > 0 if a has the sign of x, and b has it or is 0; in the branches a = y, b = y
"""

from __future__ import annotations

import numpy as np

from fusegrad.expr.evaluate import evaluate
from fusegrad.expr.node import Expr, argument, constant, rebuilt, topological
from fusegrad.expr.primitives import less, where

ODD_GROWING = ("tanh", "expm1", "log1p", "erf")  # of the sign of their operand


def slope_from_output(output: Expr, slope: Expr, y: Expr) -> Expr | None:
    """`slope`, a derivative of `output`, in terms of `y`, which stands for the output; None where it needs more."""
    marker = argument("the output")  # which no argument is called, while one may be called like y
    result = rewritten(output, slope, marker)
    free = {node.value for node in topological([result]) if node.op == "argument"}
    return rebuilt(result, {marker: y}) if free <= {marker.value} else None


def rewritten(output: Expr, slope: Expr, y: Expr) -> Expr:
    """`slope` with what is known of the nodes of `output` put in terms of `y`."""
    if slope.op == "constant":  # or it would be taken for an output that is the same constant
        return slope
    if output.op == "where" and slope.op == "where" and slope.args[0] is output.args[0]:
        condition, *branches = output.args
        slopes = [rewritten(branch, part, y) for branch, part in zip(branches, slope.args[1:], strict=True)]
        return where(condition_on_output(condition, branches, y), *slopes)
    return rebuilt(slope, known_by_output(output, slope, y))


def known_by_output(output: Expr, slope: Expr, y: Expr) -> dict[Expr, Expr]:
    """Nodes below `output`, and what they are in terms of `y` wherever `slope` is not 0."""
    known: dict[Expr, Expr] = {}
    node, value = output, y
    while True:
        known[node] = value
        if node.op == "neg":
            node, value = node.args[0], -value
            continue
        if len(node.args) != 2 or node.args[1].op != "constant":
            return known
        inner, number = node.args
        if node.op == "mul" and number.value:
            value = value * (1 / number.value)
        elif node.op == "div":
            value = value * number
        elif node.op in ("max", "min") and finds_bound(output, node, value, y):
            condition = within(node, inner)
            known[condition] = within(node, value)
            if not vanishes_without(condition, slope):
                return known
        else:
            return known
        node = inner


def within(bounded: Expr, operand: Expr) -> Expr:
    """The condition that `operand` is not cut off by the bound of `bounded`, max(…, c) or min(…, c)."""
    number = bounded.args[1]
    return less(number, operand) if bounded.op == "max" else less(operand, number)


def finds_bound(output: Expr, bounded: Expr, value: Expr, y: Expr) -> bool:
    """Whether `value`, the way back from `output` to `bounded`, does not round what was cut off to within the bound."""
    bound = argument("the bound")
    there, back = rebuilt(output, {bounded: bound}), within(bounded, value)
    for dtype in ("float32", "float64"):
        (at_bound,) = evaluate([there], {bound.value: np.full(1, bounded.args[1].value, dtype)})
        if evaluate([where(back, 1, 0)], {y.value: at_bound})[0].any():
            return False
    return True


def vanishes_without(condition: Expr, slope: Expr) -> bool:
    """Whether `slope` is certainly 0 where the condition is false; a derivative that was given need not be."""
    rest = rebuilt(slope, {condition: constant(0.0)})
    return rest.op == "constant" and bool(rest.value == 0)


def condition_on_output(condition: Expr, branches: list[Expr], y: Expr) -> Expr:
    """x > 0 as y > 0 where the branches allow it; else the condition as it is."""
    smaller, x = condition.args
    above, below = branches
    is_sign = condition.op == "lt" and smaller.op == "constant" and smaller.value == 0
    follows = has_sign_of(above, x) and (has_sign_of(below, x) or below is constant(0.0))
    return less(0.0, y) if is_sign and follows else condition


def has_sign_of(node: Expr, x: Expr) -> bool:
    """Whether `node` is certainly above 0 where x is, and below 0 where x is."""
    if node is x:
        return True
    if node.op in ("mul", "div") and node.args[1].op == "constant":
        return bool(node.args[1].value > 0) and has_sign_of(node.args[0], x)
    return node.op in ODD_GROWING and has_sign_of(node.args[0], x)
