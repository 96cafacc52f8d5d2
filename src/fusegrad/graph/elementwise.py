"""The layer that applies a scalar function to every element."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fusegrad.expr import ExpressionError, Function
from fusegrad.expr import function as as_function
from fusegrad.graph.layer import Layer
from fusegrad.graph.spec import Arrays, GraphError, Spec, require
from fusegrad.ops import loops

TAKEN = ("y", "seed", "step", "node")  # names that passes use, beside those of gradients


class Elementwise(Layer):
    """y = f(x, …), element by element.

    Inputs carry the names of the function's arguments, or x0, x1, … where passes use one of those otherwise.

    Args:
        formula: f, a function of `fg.expr` or a formula that can be traced: `Elementwise(lambda x: x * sigmoid(x))`.

    Backward computes the derivatives that the chain rule gives, from y alone where they can be said by it.
    Shapes: inputs and y of one shape and floating-point dtype.  Raises GraphError where they are not.
    """

    def __init__(self, formula: Function | Callable[..., Any]) -> None:
        try:
            function = as_function(formula)
            require(len(function.outputs) == 1, type(self).__name__, "a formula with one result", len(function.outputs))
        except ExpressionError as error:
            raise GraphError(f"{type(self).__name__} expects a formula that can be traced: {error}") from None
        require(not function.scalars, type(self).__name__, "a function of arrays alone", f"{function.scalars}")
        taken = {*TAKEN, *(f"{kind}{name}" for name in ("y", *function.arguments) for kind in ("d", "add_d"))}
        if not taken.isdisjoint(function.arguments):
            function = function.renamed(*(f"x{i}" for i in range(len(function.arguments))))
        self.elementwise = function
        self.plan = planned(self, function.arguments)
        self.forward, self.backward = loops.forward(function), loops.backward(function)

    def __repr__(self) -> str:
        return f"Elementwise({self.elementwise})" if type(self) is Elementwise else type(self).__name__


class planned:
    """The `plan` of a layer whose inputs, named by `names`, and output have one Spec."""

    def __init__(self, owner: Layer, names: tuple[str, ...]) -> None:
        self.owner = owner
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])

    def __call__(self, *inputs: Spec, **named: Spec) -> Arrays:
        specs = [*inputs, *named.values()]
        require(specs[0].is_float, self.owner, "floating-point input", specs[0])
        for spec in specs[1:]:
            require(spec == specs[0], self.owner, f"inputs like {specs[0]}", spec)
        return Arrays({"y": specs[0]})
