"""Passes get arrays by name; one that names the wrong ones is refused when the program is made."""

from __future__ import annotations

import pytest
from small_layers import Square, TwoNames

from fusegrad.graph import Arrays, GraphError, Input, Layer, ParamArena, Program, Spec, check_gradients


class Misnamed(Layer):
    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x}, saved={"statistics": x})

    def forward(self, x, y, statistic):
        raise AssertionError("never runs")


class NoInputGradient(Square):
    def backward(self, x, dy):
        raise AssertionError("never runs")


class NoParameterGradient(TwoNames):
    def backward(self, x, a, b, dy, dx, da):
        raise AssertionError("never runs")


class MisnamedBackward(Square):
    def backward(self, x, dy, dz):
        raise AssertionError("never runs")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Misnamed(), r"Misnamed\.forward names 'statistic', which is not .*; perhaps you meant \"statistics\"\?"),
        (MisnamedBackward(), r"MisnamedBackward\.backward names 'dz', which is not an array of this layer"),
        (NoInputGradient(), r"NoInputGradient\.backward does not name 'dx', the gradient that is needed"),
        (NoParameterGradient(), r"NoParameterGradient\.backward does not name 'db', the gradient that is needed"),
    ],
    ids=lambda item: str(item) if isinstance(item, Layer) else "",
)
def test_passes_that_name_the_wrong_arrays(layer, message):
    x = Input((2, 3))
    loss = layer(x).sum()
    arena = ParamArena(layer)
    with pytest.raises(GraphError, match=message):
        Program([x], loss, arena, gradients_of=[x], train=layer)


class Absent(Square):
    """A layer with an attribute of None that has the name of an input."""

    def __init__(self):
        self.x = self.dx = None


def test_an_attribute_that_is_none_does_not_hide_an_array():
    check_gradients(Absent(), (2, 3))
