"""Primitives that an evaluator lacks, replaced by others that it has."""

from __future__ import annotations

from collections.abc import Callable

from fusegrad.expr import error_function, primitives
from fusegrad.expr.node import Expr, made_of, topological

Lowering = Callable[[Expr], Expr]


class Operations:
    """The functions that the approximations of `error_function` are made of."""

    exp, abs = staticmethod(primitives.exp), staticmethod(primitives.absolute)
    minimum, maximum = staticmethod(primitives.minimum), staticmethod(primitives.maximum)


OPERATIONS = Operations()


def lowered(root: Expr, dtype: str, sigmoid: bool = True) -> Expr:
    """`root` without names, erf and erfc, for arrays of `dtype`; and, where asked, without sigmoid."""
    rules: dict[str, Lowering] = {
        "erf": lambda x: error_function.erf(x, OPERATIONS, dtype),
        "erfc": lambda x: error_function.erfc(x, OPERATIONS, dtype),
    }
    if sigmoid:
        rules["sigmoid"] = lambda x: 1 / (1 + primitives.exp(-x))  # exp overflows to inf where the result is 0
    result: dict[Expr, Expr] = {}
    for node in topological([root]):
        operands = [result[operand] for operand in node.args]
        if node.op == "named":
            result[node] = operands[0]
        elif node.op in rules:
            result[node] = rules[node.op](*operands)
        else:
            result[node] = made_of(node, operands) if operands else node
    return result[root]
