"""Passes get arrays by name; one that names the wrong ones is refused when the program is made."""

from __future__ import annotations

import numpy as np
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


class Nothing(Layer):
    """A layer without any method."""


class Planned(Layer):
    def plan(self, x):
        return Arrays({"y": x})


class OneWay(Planned):
    def forward(self, x, y):
        y[...] = x


class Unnamed(Layer):
    def plan(self, x):
        return {"y": x}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Nothing(), "Nothing expects a method `plan`, which every layer defines, got none"),
        (Unnamed(), "Unnamed expects a plan that returns fg.Arrays, got dict"),
        (Planned(), "Planned expects a method `forward`, got none"),
    ],
)
def test_a_layer_without_what_it_needs_is_named(layer, message):
    x = Input((2, 3))
    with pytest.raises(GraphError) as error:
        Program([x], layer(x), ParamArena([]))
    assert str(error.value) == message


def test_a_layer_without_backward_evaluates_but_does_not_train():
    x = Input((2, 3))
    y = OneWay()(x)
    Program([x], y, ParamArena([])).forward(np.ones((2, 3)))
    with pytest.raises(GraphError, match="OneWay expects a method `backward`, or backward = None where"):
        Program([x], y.sum(), ParamArena([]), gradients_of=[x])
