"""Derivatives by the chain rule, forward through the graph: d(f(u, v)) = ∂f/∂u du + ∂f/∂v dv."""

from __future__ import annotations

from fusegrad.expr.node import Expr, apply, as_expr, constant, topological
from fusegrad.expr.primitives import PRIMITIVES


def derivative(root: Expr, by: Expr) -> Expr:
    """∂root/∂by, in terms of the nodes of `root`; a node that `root` does not need gives 0.

    At a kink the derivative is the one that the losing side of the comparison has: ReLU'(0) = 0, |x|'(0) = 0.
    """
    of = {by: constant(1.0)}
    for node in topological([root]):
        if node not in of:
            of[node] = differentiated(node, [of[operand] for operand in node.args])
    return of[root]


def differentiated(node: Expr, inner: list[Expr]) -> Expr:
    """The derivative of a node whose operands have the derivatives `inner`."""
    if not any(is_variable(part) for part in inner) or node.is_condition:
        return constant(0.0)
    if node.op == "where":  # not a sum of products, so that what is not chosen need not be finite
        return apply("where", node.args[0], *inner[1:])
    if node.op == "named":
        inner, partials = inner[1:], node.value.partials(*node.args[1:])
    else:
        partials = PRIMITIVES[node.op].partials(*node.args, node)
    total = constant(0.0)
    for part, partial in zip(inner, partials, strict=True):
        if is_variable(part):
            total = total + as_expr(partial) * part
    return total


def is_variable(part: Expr) -> bool:
    return part.op != "constant" or part.value != 0
