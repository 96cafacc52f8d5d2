"""Ways to name an activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fusegrad.errors import perhaps
from fusegrad.expr import ExpressionError, Function, function
from fusegrad.expr.activations import ACTIVATIONS, identity
from fusegrad.graph import GraphError, Layer

Activation = str | Function | Layer | Callable[[Any], Any] | None


def chosen(owner: object, activation: Activation) -> Function:
    """The function behind a name, a layer such as `ReLU()`, a function of `fg.expr` or a formula; None: identity.

    Raises GraphError for what is none of these, or has other than one argument.
    """
    if activation is None:
        return identity
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise GraphError(f"{owner} knows no activation {activation!r}{perhaps(activation, ACTIVATIONS)}")
        return ACTIVATIONS[activation]
    made = activation.elementwise if isinstance(activation, Layer) else activation
    if isinstance(made, type) or not callable(made):
        raise GraphError(f"{owner} expects an activation, a name or a scalar function, got {activation!r}{hint(made)}")
    try:
        made = function(made)
    except ExpressionError as error:
        raise GraphError(f"{owner} expects an activation that can be traced: {error}") from None
    if len(made.arguments) != 1 or made.scalars:
        raise GraphError(f"{owner} expects an activation of one argument, got {made} {made.arguments + made.scalars}")
    return made.renamed("x")


def hint(made: object) -> str:
    """What to write instead of a class, or of PyTorch's `Linear(width_in, width)`."""
    if isinstance(made, type):
        return "; such as ReLU(), not ReLU"
    if isinstance(made, int):
        return f"; for {made} outputs write Linear({made}), which finds the width of its input"
    return ""
