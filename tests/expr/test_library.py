"""The library's own derivatives, which are not checked at import."""

from __future__ import annotations

import pytest

from fusegrad.expr import Function, activations, special
from fusegrad.expr.trace import check_own_derivatives
from fusegrad.losses import binary, margin, regression

MADE = [
    activations.leaky_relu(-0.5),
    activations.leaky_relu(2.0),
    activations.squareplus(0.5),
    activations.soft_shrink(2.0),
    activations.hard_shrink(2.0),
    binary.positives_weighted(3.0),
]
NAMED = [f for module in (activations, special, binary, margin, regression) for f in vars(module).values()]
OWN = {f for f in [*MADE, *NAMED, *activations.ACTIVATIONS.values()] if isinstance(f, Function)}


@pytest.mark.parametrize("f", sorted((f for f in OWN if f.own_derivative or f.from_output), key=str), ids=str)
def test_own_derivatives_agree_with_differences(f):
    check_own_derivatives(f)


def test_there_are_some():
    assert len(OWN) > 30
