"""The larger and the smaller of two Values, element by element."""

from __future__ import annotations

from fusegrad.expr import Expr, maximum, minimum, where
from fusegrad.expr.trace import traced
from fusegrad.graph import Arrays, Layer, Spec
from fusegrad.graph.arithmetic import broadcast as broadcast_specs
from fusegrad.ops import broadcast


def share(larger: Expr, smaller: Expr) -> Expr:
    """The derivative by what the first stands for: halves where both are equal, as in PyTorch."""
    return where(smaller < larger, 1, where(larger < smaller, 0, 0.5))


MAXIMUM = traced(lambda a, b: maximum(a, b), name="maximum", derivative=lambda a, b: (share(a, b), share(b, a)))
MINIMUM = traced(lambda a, b: minimum(a, b), name="minimum", derivative=lambda a, b: (share(b, a), share(a, b)))


class Maximum(Layer):
    """y = max(a, b), broadcast; where both are equal each gets half of the gradient.

    Shapes: a, b that broadcast, y that shape.  Raises GraphError where they do not, or are not of one floating dtype.
    """

    elementwise = MAXIMUM
    forward, backward = broadcast.forward(MAXIMUM), broadcast.backward(MAXIMUM)

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast_specs(self, a, b)


class Minimum(Layer):
    """y = min(a, b), broadcast; where both are equal each gets half of the gradient.

    Shapes: a, b that broadcast, y that shape.  Raises GraphError where they do not, or are not of one floating dtype.
    """

    elementwise = MINIMUM
    forward, backward = broadcast.forward(MINIMUM), broadcast.backward(MINIMUM)

    def plan(self, a: Spec, b: Spec) -> Arrays:
        return broadcast_specs(self, a, b)
