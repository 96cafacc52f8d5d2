"""From what a user writes to a `Function`, once."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from fusegrad.expr.evaluate import evaluate
from fusegrad.expr.functions import Formula, Function
from fusegrad.expr.node import ExpressionError, argument, as_expr

TITLE = 60  # characters of a formula without a name, in messages


def function(
    formula: Formula,
    *,
    name: str | None = None,
    derivative: Formula | None = None,
    derivative_from_output: Formula | None = None,
    **constants: float,
) -> Function:
    """Trace a scalar function: `function(lambda x: x * tanh(softplus(x)))`.

    Args:
        formula: computes one expression, or a tuple of them, of its positional parameters, which stand for arrays, and
            of its keyword-only ones, which stand for numbers.
        name: for messages; default: the formula's own.
        derivative: the derivative by the argument, or a tuple of those by all arguments, where the chain rule would
            cancel or divide 0 by 0; checked against differences when the function is made.
        derivative_from_output: the derivative as a function of the output, so that the argument need not be kept for
            a backward pass; checked against the derivative when the function is made.
        constants: values of keyword-only parameters that never change.

    Raises ExpressionError for a Python `if` on an argument, a function that cannot be traced, a condition used as a
    number, and a derivative from the output that is wrong.
    """
    made = traced(formula, name=name, derivative=derivative, derivative_from_output=derivative_from_output, **constants)
    if derivative or derivative_from_output:
        check_own_derivatives(made)
    return made


def traced(
    formula: Formula,
    *,
    name: str | None = None,
    derivative: Formula | None = None,
    derivative_from_output: Formula | None = None,
    **constants: float,
) -> Function:
    """`function` without the check, for the library's own, which its tests check; it would slow the import."""
    if isinstance(formula, Function):
        return formula
    arguments, scalars = parameters(formula, constants)
    known = {scalar: argument(scalar) for scalar in scalars} | constants
    result = formula(*map(argument, arguments), **known)
    outputs = tuple(map(as_expr, result if isinstance(result, tuple) else (result,)))
    own_name = getattr(formula, "__name__", "<lambda>")  # which partial objects lack
    title = name or (own_name if own_name != "<lambda>" else repr(outputs[0])[:TITLE])
    for output in outputs:
        if output.is_condition:
            raise ExpressionError(f"{title} returns the condition {output}, where a number is expected")
    return Function(title, arguments, scalars, outputs, derivative, derivative_from_output)


def parameters(formula: Formula, constants: dict[str, float]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the positional parameters, and of the keyword-only ones to which `constants` gives no value."""
    if not callable(formula):
        raise ExpressionError(f"a scalar function such as lambda x: x * x is expected, got {formula!r}")
    if isinstance(formula, np.ufunc):  # whose signature takes `out` for an argument
        return tuple("xabc"[: formula.nin]), ()
    items = inspect.signature(formula).parameters.values()
    named = [item.name for item in items if item.kind is item.KEYWORD_ONLY]
    positional = [item.name for item in items if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    if len(named) + len(positional) < len(items):
        raise ExpressionError(f"a scalar function of named parameters, without * or **, is expected, got {formula}")
    if unknown := set(constants) - set(named):
        raise ExpressionError(f"{formula} has no keyword-only parameter {sorted(unknown)}")
    if not positional:
        raise ExpressionError(f"{formula} has no positional parameter, where an array could go")
    known = {*constants, *(item.name for item in items if item.default is not item.empty)}
    return tuple(positional), tuple(name for name in named if name not in known)


def check_own_derivatives(made: Function) -> None:
    """ExpressionError unless the derivatives that were given agree with differences of the function."""
    if made.scalars or len(made.outputs) != 1 or (made.from_output and len(made.arguments) != 1):
        raise ExpressionError(f"{made} needs one output, no scalars, and one argument for a derivative from its output")
    generator = np.random.default_rng(0)
    point = {name: generator.uniform(-20, 20, 1000) for name in made.arguments}  # no kink of note lies on these
    slopes = made.partials(*map(argument, made.arguments)) if made.own_derivative else ()
    if made.own_derivative and len(slopes) != len(made.arguments):
        raise ExpressionError(f"{made} has {len(made.arguments)} arguments, but derivative= gives {len(slopes)}")
    for name, slope in zip(made.arguments, slopes, strict=False):
        check_claim(made, "derivative", name, point, evaluate([slope], point)[0])
    if made.from_output:
        got = evaluate([as_expr(made.from_output(argument("y")))], {"y": made(*point.values())})[0]
        check_claim(made, "derivative_from_output", made.arguments[0], point, got)


def check_claim(made: Function, claim: str, name: str, point: dict[str, Any], got: Any) -> None:
    """ExpressionError unless `got` agrees with differences of fourth order, but for a few points across a kink."""
    step = 1e-4
    with np.errstate(all="ignore"):
        at = {k: made(*(point | {name: point[name] + k * step}).values()) for k in (-2, -1, 1, 2)}
        expected = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * step)
        wrong = np.isfinite(expected) & ~(np.abs(got - expected) <= 1e-6 * (1 + np.abs(expected)))
    if np.count_nonzero(wrong) > 2:
        i = int(wrong.argmax())
        raise ExpressionError(
            f"{made}: {claim} gives {got[i]:.6g} at {name} = {point[name][i]:.6g}, the function has {expected[i]:.6g}"
        )
