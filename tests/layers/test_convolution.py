"""Convolutions: their values and gradients are those of PyTorch; padding, fusing, and what is refused."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layers.like_torch import check_with_parameters
from layers.like_torch import given as fixed
from layers.outcomes import numbers, outcome, prediction

from fusegrad import initializers
from fusegrad.graph import GraphError, Input, Model, ParamArena, Program, check_gradients
from fusegrad.layers import Conv1d, Conv2d, Conv3d, DepthwiseConv1d, DepthwiseConv2d, ReLU, Sequential

CONVOLUTIONS = {1: Conv1d, 2: Conv2d, 3: Conv3d}


def each(draw, rank, low, high):
    """A number for each axis."""
    return tuple(draw(st.integers(low, high)) for _ in range(rank))


@st.composite
def settings_of_layers(draw):
    """Shape of x, channels of y, and options."""
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    extents = each(draw, rank, 1, 9 if rank < 3 else 5)
    options = {"kernel_size": each(draw, rank, 1, 4), "stride": each(draw, rank, 1, 3), "groups": groups}
    options |= {"dilation": each(draw, rank, 1, 2), "padding": each(draw, rank, 0, 4)}
    fits = zip(extents, options["padding"], options["dilation"], options["kernel_size"], strict=True)
    assume(all(n + 2 * p > d * (k - 1) for n, p, d, k in fits))
    shape = (draw(st.integers(1, 3)), groups * draw(st.integers(1, 3)), *extents)
    return shape, groups * draw(st.integers(1, 3)), options


@settings(max_examples=25, deadline=None, derandomize=True)
@given(settings_of_layers(), st.integers(0, 2**32))
def test_values_and_gradients_are_those_of_torch(setting, seed):
    torch = pytest.importorskip("torch", reason="values and gradients are compared with those of PyTorch")
    shape, channels, options = setting
    rank = len(shape) - 2
    weight_shape = (channels, shape[1] // options["groups"], *options["kernel_size"])
    x, weight, bias = (numbers(*extents, seed=seed) for extents in (shape, weight_shape, (channels,)))
    others = {name: entry for name, entry in options.items() if name != "kernel_size"}
    function = partial(getattr(torch.nn.functional, f"conv{rank}d"), **others)
    check_with_parameters(partial(CONVOLUTIONS[rank], channels, **options), function, x, weight, bias)


@pytest.mark.parametrize(("layer", "shape"), [(DepthwiseConv1d, (2, 3, 8)), (DepthwiseConv2d, (2, 3, 7, 5))])
def test_a_depthwise_convolution_has_as_many_groups_as_channels(layer, shape):
    weight, bias = numbers(6, 1, *(3,) * (len(shape) - 2)), numbers(6)
    options = {"stride": 2, "padding": 1, "weight_init": fixed(weight), "bias_init": fixed(bias)}
    grouped = outcome(CONVOLUTIONS[len(shape) - 2](6, 3, groups=3, **options), numbers(*shape))
    found = outcome(layer(3, multiplier=2, **options), numbers(*shape))
    np.testing.assert_array_equal(found.y, grouped.y)
    np.testing.assert_array_equal(found.gradients, grouped.gradients)
    for name in ("weight", "bias"):
        np.testing.assert_array_equal(found.parameters[name], grouped.parameters[name])


@pytest.mark.parametrize("extent", range(1, 9))
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [(3, 1, 1), (2, 1, 1), (3, 2, 1), (5, 3, 2), (1, 2, 1), (4, 4, 1)]
)
def test_same_padding_makes_as_many_outputs_as_steps_begin_in_the_array(extent, kernel, stride, dilation):
    layer = Conv1d(
        1, kernel, stride=stride, dilation=dilation, padding="same", channels_in=1, weight_init=initializers.ones
    )
    x = np.arange(1, extent + 1, dtype="float32").reshape(1, 1, extent)
    y = prediction(layer, x)
    count = -(-extent // stride)
    missing = max(0, (count - 1) * stride + dilation * (kernel - 1) + 1 - extent)
    padded = np.concatenate([np.zeros(missing // 2), x[0, 0], np.zeros(missing - missing // 2)])
    sums = [padded[o * stride : o * stride + dilation * (kernel - 1) + 1 : dilation].sum() for o in range(count)]
    np.testing.assert_array_equal(y[0, 0], sums)


def test_valid_padding_is_none_and_pairs_are_before_and_behind():
    x = Input((1, 1, 5, 6))
    assert Conv2d(1, 3, padding="valid")(x).shape == (1, 1, 3, 4)
    assert Conv2d(1, 3, padding=((1, 0), (0, 3)))(x).shape == (1, 1, 4, 7)
    assert Conv2d(1, 3, padding=(1, 2))(x).shape == (1, 1, 5, 8)


class Twice(Model):
    """One layer, two nodes, whose gradients of the parameters add up."""

    def __init__(self):
        self.layer = Conv2d(2, 3, "tanh", padding=1, bias_init=initializers.normal(1.0))

    def call(self, x):
        return self.layer(self.layer(x)) + x


def test_gradients_of_a_layer_that_is_used_twice_add_up():
    check_gradients(Twice(), (2, 2, 4, 5))


@pytest.mark.parametrize("make", [lambda: Conv2d(4, 3, "relu"), lambda: Sequential(Conv2d(4, 3), ReLU())])
def test_an_activation_behind_a_convolution_becomes_part_of_it(make):
    layer, x = make(), Input((2, 3, 6, 6))
    program = Program([x], layer(x), ParamArena(layer))
    assert [call.label for call in program.schedule.forward] == ["Conv2d.predict"]


def test_the_first_call_settles_the_channels():
    layer = Conv2d(4, 3, groups=2)
    layer(Input((1, 6, 5, 5)))
    assert layer.weight.shape == (4, 3, 3, 3)
    with pytest.raises(GraphError, match=r"Conv2d\(4, 3\) expects 6 channels on axis 1, got \(1, 8, 5, 5\)"):
        layer(Input((1, 8, 5, 5)))
    assert layer.weight.shape == (4, 3, 3, 3)


def test_first_weights_keep_the_size_of_numbers():
    """He's: the variance is 2 / fan_in, of which a window has channels_in / groups · kernel."""
    layer = Conv2d(64, 3, groups=2, channels_in=32)
    arena = ParamArena(layer)
    assert np.std(layer.weight.value) == pytest.approx((2 / (16 * 9)) ** 0.5, rel=0.03)
    assert not layer.bias.value.any()
    assert set(arena.params) == {"weight", "bias"}


@pytest.mark.parametrize(
    ("layer", "value", "message"),
    [
        (
            Conv2d(4, 3),
            Input((2, 5, 5)),
            r"Conv2d\(4, 3\) expects floating-point \(batch, channels, height, width\), got",
        ),
        (Conv1d(4, 3), Input((2, 5, 5), "int32"), r"\(batch, channels, length\), got \(2, 5, 5\) int32"),
        (
            Conv2d(4, 3, groups=2),
            Input((2, 3, 5, 5)),
            r"Conv2d\(4, 3\) expects input channels that 2 groups divide, got 3",
        ),
        (
            Conv2d(4, (3, 5), "relu", padding=1),
            Input((2, 3, 1, 2)),
            r"Conv2d\(4, \(3, 5\), relu\) expects axes that with padding have at least \(3, 5\) places, got \(3, 4\)",
        ),
        (Conv3d(4, 3, channels_in=3), Input((2, 2, 5, 5, 5)), r"expects 3 channels on axis 1, got \(2, 2, 5, 5, 5\)"),
        (DepthwiseConv1d(3, multiplier=2, channels_in=3), Input((2, 4, 5)), "expects 3 channels on axis 1, got"),
    ],
)
def test_inputs_that_do_not_fit_are_named(layer, value, message):
    with pytest.raises(GraphError, match=message):
        layer(value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(0, 3), "Conv2d expects a positive whole number as channels, got 0"),
        (lambda: Conv2d(4, 3, groups=1.5), r"Conv2d expects a positive whole number as groups, got 1\.5"),
        (lambda: Conv2d(4, 3, groups=3), "Conv2d expects channels that 3 groups divide, got 4"),
        (lambda: Conv2d(4, 3, groups=2, channels_in=3), "Conv2d expects input channels that 2 groups divide, got 3"),
        (lambda: Conv2d(4, (3, 3, 3)), r"kernel_size as a whole number of at least 1, or 2 of them, got \(3, 3, 3\)"),
        (lambda: Conv2d(4, 3, stride=0), "Conv2d expects stride as a whole number of at least 1, or 2 of them, got 0"),
        (lambda: Conv2d(4, 3, dilation=(1, "2")), r"Conv2d expects dilation as .*, got \(1, '2'\)"),
        (lambda: Conv2d(4, 3, padding="full"), r"Conv2d expects padding as \"valid\", \"same\", .*, got 'full'"),
        (lambda: Conv1d(4, 3, padding=(1, 2)), r"or 1 such numbers or \(before, behind\), got \(1, 2\)"),
        (lambda: Conv2d(4, 3, padding=-1), "padding as .*, got -1"),
        (lambda: Conv2d(4, 3, padding=np.ones(2, int)), r"Conv2d expects padding as .*, got array\(\[1, 1\]\)"),
        (lambda: Conv2d(3, 16, 3), r"Conv2d\(3, 16\) expects an activation, .* finds channels_in itself, got 3"),
        (lambda: DepthwiseConv1d(3, 2), r"DepthwiseConv1d\(3\) expects an activation, and options by name"),
        (lambda: DepthwiseConv2d(3, multiplier=0), "DepthwiseConv2d expects a positive whole number as multiplier"),
        (lambda: Conv2d(4, 3, "rleu"), r"Conv2d\(4, 3\) knows no activation 'rleu'"),
    ],
)
def test_settings_that_make_no_sense_are_named(make, message):
    with pytest.raises(GraphError, match=message):
        make()


@pytest.mark.parametrize("name", ["same", "valid"])
def test_padding_is_named_in_letters_of_either_case(name):
    small, large = (Conv2d(1, 3, padding=padding)(Input((1, 1, 7, 7))).shape for padding in (name, name.upper()))
    assert small == large
