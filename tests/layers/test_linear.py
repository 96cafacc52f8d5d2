"""Linear: its formula, its widths, its initial values."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Linear, Sequential


def output(layer, x):
    value = Input(x.shape, str(x.dtype))
    y = layer(value)
    return Program([value], y, ParamArena(layer, precision=str(x.dtype), backend="cpu")).forward(x)


@pytest.mark.parametrize("shape", [(4, 5), (1, 1), (2, 3, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_y_is_x_times_the_transposed_weight_plus_bias(shape, bias):
    layer = Linear(3, bias=bias, bias_init=lambda generator, shape: generator.normal(size=shape))
    x = np.random.default_rng(0).normal(size=shape)
    y = output(layer, x)
    expected = x @ layer.weight.value.T + (layer.bias.value if bias else 0)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


def test_without_bias_there_is_one_parameter():
    assert [name for name, _ in Linear(3, bias=False).named_params()] == ["weight"]
    assert [name for name, _ in Linear(3).named_params()] == ["weight", "bias"]


def test_only_the_weight_decays():
    layer = Linear(3)
    assert (layer.weight.decay, layer.bias.decay) == (True, False)


def test_the_first_call_settles_the_width():
    layer = Linear(3)
    layer(Input((2, 5)))
    assert layer.weight.shape == (3, 5)
    with pytest.raises(GraphError, match=r"Linear\(3\) expects width 5 on the last axis, got \(2, 4\)"):
        layer(Input((2, 4)))
    assert layer.weight.shape == (3, 5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Input((5,)), r"Linear\(3\) expects floating-point rows, \(…, width_in\), got \(5,\) float32"),
        (Input((2, 5), "int32"), r"Linear\(3\) expects floating-point rows, .*, got \(2, 5\) int32"),
        (Input((2, 7)), r"Linear\(3\) expects width 5 on the last axis, got \(2, 7\)"),
    ],
)
def test_inputs_that_do_not_fit_are_named(value, message):
    with pytest.raises(GraphError, match=message):
        Linear(3, width_in=5)(value)


@pytest.mark.parametrize("width", [0, -1, 2.5])
def test_a_width_that_is_no_positive_integer_is_an_error(width):
    with pytest.raises(GraphError, match="Linear expects a positive whole number as width, got"):
        Linear(width)


def test_sequential_names_the_place_of_the_layer_that_does_not_fit():
    inner = Sequential(Linear(4), Linear(2, width_in=3))
    with pytest.raises(GraphError, match=r"layers\.1: layers\.1: Linear\(2\) expects width 3 on the last axis"):
        Sequential(Linear(5), inner)(Input((2, 6)))
