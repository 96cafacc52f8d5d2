"""What becomes of a formula, for a person to read: its nodes, its derivatives, and the text of every loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fusegrad.expr.cuda_loop import kernel_text, vector_width
from fusegrad.expr.cuda_storage import storages
from fusegrad.expr.cuda_text import kept
from fusegrad.expr.functions import Formula, Function
from fusegrad.expr.loop import NUMBER, Loop, loop
from fusegrad.expr.node import INFIX, Expr, argument, topological
from fusegrad.expr.numba_text import numba_text
from fusegrad.expr.numpy_text import numpy_text
from fusegrad.expr.trace import function


def explained(f: Function | Formula) -> str:
    """The nodes of a function and of its derivatives, what a backward pass keeps, and the text of its loops.

    The loops are those for float32 arrays: NumPy's, Numba's and CUDA's, forward, and backward for a function of one
    output: d<argument> = dy · slope.  Raises ExpressionError where a formula cannot be traced.
    """
    traced = function(f)
    signature = ", ".join([*traced.arguments, *(f"{name}=" for name in traced.scalars)])
    parts = [f"{traced}({signature})", "", *numbered("output", traced.outputs)]
    loops = [forward_loop(traced)]
    if len(traced.outputs) == 1:
        for name in traced.arguments:
            parts += ["", f"derivative by {name}", *numbered("slope", [traced.slope(name)])]
        parts += ["", "kept for a backward pass", f"    {retention(traced)}"]
        loops.append(backward_loop(traced))
    return "\n".join([*parts, *(line for work in loops for line in texts(work))])


def numbered(title: str, roots: Sequence[Expr]) -> list[str]:
    """One line per node, operands first; a node that several others read has one number and appears once."""
    numbers = {node: f"%{i}" for i, node in enumerate(topological(roots))}
    lines = [f"    {number} = {described(node, [numbers[a] for a in node.args])}" for node, number in numbers.items()]
    return [*lines, f"    {title}: {', '.join(numbers[root] for root in roots)}"]


def described(node: Expr, operands: list[str]) -> str:
    """The operation of a node, its operands being numbers."""
    if node.op in ("argument", "constant"):
        return f"{node.op} {node.value}"
    if node.op in INFIX:
        return f" {INFIX[node.op]} ".join(operands)
    if node.op == "named":
        return f"{operands[0]}, called {node.value}({', '.join(operands[1:])}), with a derivative of its own"
    return f"{node.op}({', '.join(operands)})"


def retention(f: Function) -> str:
    """What the backward pass reads beside dy, and why."""
    slopes = ", ".join(map(repr, f.kept_slopes))
    if not any(node.op == "argument" and node.value not in f.scalars for node in topological(f.kept_slopes)):
        return f"nothing: the derivative is {slopes} everywhere"
    if kept(f) == ["y"]:
        why = "as it was given with the function" if f.from_output else "as the rules of the chain show"
        return f"y alone, for it gives the derivative, {why}: {slopes}"
    return f"{', '.join(kept(f))}: the output y does not give the derivative, which is {slopes}"


def forward_loop(f: Function) -> Loop:
    targets = ["y"] if len(f.outputs) == 1 else [f"y{i}" for i in range(len(f.outputs))]
    return loop(f"{f.name}", dict(zip(targets, f.outputs, strict=True)), **numbers(f))


def backward_loop(f: Function) -> Loop:
    slopes = zip(f.arguments, f.kept_slopes, strict=True)
    return loop(f"{f.name}_backward", {f"d{name}": argument("dy") * slope for name, slope in slopes}, **numbers(f))


def numbers(f: Function) -> dict[str, Any]:
    return dict.fromkeys(f.scalars, NUMBER)


def texts(work: Loop) -> list[str]:
    """The loop as the three evaluators have it, without the functions that Numba's and CUDA's text bring along."""
    numba_loop = numba_text(work).partition("@compiled\n")[2]
    return [
        f"\n--- {work.name}, NumPy: `block` for every block of elements ---\n\n{numpy_text(work, 'float32').source}",
        f"--- {work.name}, Numba ---\n\n{numba_loop}",
        f"--- {work.name}, CUDA ---\n\n{kernel_text(work, storages(work, 'float'), vector_width(work, 'float'))}",
    ]
