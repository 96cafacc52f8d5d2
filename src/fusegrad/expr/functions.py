"""Scalar functions as expressions, with their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from numbers import Real
from typing import Any

import numpy as np

from fusegrad.expr.derivative import derivative
from fusegrad.expr.evaluate import evaluate
from fusegrad.expr.node import Expr, ExpressionError, argument, as_expr, make, rebuilt
from fusegrad.expr.retention import slope_from_output

Formula = Callable[..., Any]


class Function:
    """A scalar function of one or more arguments, and its derivatives.

    `arguments` are its positional parameters, one array each; `scalars` its keyword-only ones without a value, numbers
    that every call gives.  `outputs` are the expressions that it returns.  Called on expressions it becomes part of
    theirs, called on arrays it gives a fresh array, computed in their dtype.
    """

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        scalars: tuple[str, ...],
        outputs: tuple[Expr, ...],
        own_derivative: Formula | None = None,
        from_output: Formula | None = None,
    ) -> None:
        self.name, self.arguments, self.scalars, self.outputs = name, arguments, scalars, outputs
        self.own_derivative, self.from_output = own_derivative, from_output

    @property
    def output(self) -> Expr:
        if len(self.outputs) != 1:
            raise ExpressionError(f"{self} has {len(self.outputs)} outputs, where one is expected")
        return self.outputs[0]

    def derivative(self, by: str | int = 0) -> Function:
        """∂f/∂`by`, for an argument or scalar by name, or an argument by position; ExpressionError for another."""
        name = dict(enumerate(self.arguments)).get(by, by) if isinstance(by, int) else by
        if name not in (*self.arguments, *self.scalars):
            raise ExpressionError(f"{self} has no argument {name!r}, only {[*self.arguments, *self.scalars]}")
        return Function(f"{self.name}_by_{name}", self.arguments, self.scalars, (self.slope(name),))

    def slope(self, by: str) -> Expr:
        """The expression of ∂f/∂`by`, in terms of the arguments."""
        if self.own_derivative is not None and by in self.arguments:
            return self.partials(*map(argument, self.arguments))[self.arguments.index(by)]
        return derivative(self.output, argument(by))

    @cached_property
    def kept_slopes(self) -> tuple[Expr, ...]:
        """The derivatives by all arguments, in terms of "y", the output, alone where that can be, else of arguments."""
        slopes = tuple(self.slope(name) for name in self.arguments)
        if self.from_output is not None:
            return (as_expr(self.from_output(argument("y"))),)
        by_output = [slope_from_output(self.output, slope, argument("y")) for slope in slopes]
        found = tuple(slope for slope in by_output if slope is not None)
        return found if len(found) == len(slopes) else slopes

    def __call__(self, *operands: Any, **scalars: Any) -> Any:
        if len(operands) != len(self.arguments) or set(scalars) != set(self.scalars):
            expected = ", ".join([*self.arguments, *(f"{name}=" for name in self.scalars)])
            raise ExpressionError(f"{self} expects ({expected}), got {len(operands)} operands and {sorted(scalars)}")
        known = dict(zip(self.arguments, operands, strict=True)) | scalars
        for operand in known.values():
            if not isinstance(operand, Expr | Real) and not hasattr(operand, "astype"):
                kind = type(operand).__name__
                hint = f"; in a graph, write Elementwise({self})(…)" if kind == "Value" else ""
                raise ExpressionError(f"{self} expects numbers, arrays or expressions, got {kind}{hint}")
        results = self.traced(known) if any(isinstance(o, Expr) for o in known.values()) else self.computed(known)
        return results[0] if len(results) == 1 else results

    def traced(self, known: dict[str, Any]) -> tuple[Expr, ...]:
        operands = {argument(name): as_expr(operand) for name, operand in known.items()}
        bodies = tuple(rebuilt(output, operands) for output in self.outputs)
        if self.own_derivative is None:
            return bodies
        return (make("named", [bodies[0], *operands.values()], self),)

    def partials(self, *operands: Expr) -> tuple[Expr, ...]:
        """The derivatives of its own by all arguments, for a node of this name on these operands."""
        assert self.own_derivative is not None
        slopes = self.own_derivative(*operands)
        return tuple(map(as_expr, slopes if isinstance(slopes, tuple) else (slopes,)))

    def computed(self, known: dict[str, Any]) -> tuple[Any, ...]:
        common = np.result_type(*[item.dtype for item in known.values() if hasattr(item, "dtype")] or [float])
        dtype = common if common.kind == "f" else np.dtype(float)
        arrays = {name: item if hasattr(item, "dtype") else np.asarray(item, dtype) for name, item in known.items()}
        return tuple(evaluate(self.outputs, arrays))

    def renamed(self, *names: str) -> Function:
        """The same function with other names for its arguments."""
        if names == self.arguments:
            return self
        known = dict(zip(map(argument, self.arguments), map(argument, names), strict=True))
        outputs = tuple(rebuilt(output, known) for output in self.outputs)
        return Function(self.name, names, self.scalars, outputs, self.own_derivative, self.from_output)

    def __deepcopy__(self, memo: object) -> Function:
        return self  # its expressions are made once

    def __repr__(self) -> str:
        return self.name


@lru_cache(maxsize=1024)
def composition(outer: Function, inner: Function) -> Function:
    """outer(inner(x)), for functions of one argument; made once, so that what is compiled for it is found again."""
    x = argument(inner.arguments[0])
    if inner.output is x:
        return outer
    return combined(f"{outer}_{inner}", inner.arguments, outer(inner.output))


@lru_cache(maxsize=1024)
def combined(name: str, arguments: tuple[str, ...], output: Expr) -> Function:
    """The function of these arguments with this output, made once."""
    return Function(name, arguments, (), (output,))
