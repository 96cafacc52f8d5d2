"""Transposed convolutions: their values and gradients are those of PyTorch; extents, and what is refused."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layers.like_torch import check_with_parameters
from layers.outcomes import numbers, prediction

from fusegrad import initializers
from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, Sequential, Tanh

LAYERS = {1: ConvTranspose1d, 2: ConvTranspose2d, 3: ConvTranspose3d}


def each(draw, rank, low, high):
    return tuple(draw(st.integers(low, high)) for _ in range(rank))


@st.composite
def settings_of_layers(draw):
    """Shape of x, channels of y, and options."""
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    extents = each(draw, rank, 1, 6 if rank < 3 else 4)
    options = {"kernel_size": each(draw, rank, 1, 4), "stride": each(draw, rank, 1, 3), "groups": groups}
    options |= {"dilation": each(draw, rank, 1, 2), "padding": each(draw, rank, 0, 3)}
    options["output_padding"] = tuple(draw(st.integers(0, step - 1)) for step in options["stride"])
    entries = (options[name] for name in ("stride", "padding", "dilation", "kernel_size", "output_padding"))
    fits = zip(extents, *entries, strict=True)
    assume(all((n - 1) * s - 2 * p + d * (k - 1) + 1 + more > 0 for n, s, p, d, k, more in fits))
    shape = (draw(st.integers(1, 3)), groups * draw(st.integers(1, 3)), *extents)
    return shape, groups * draw(st.integers(1, 3)), options


@settings(max_examples=25, deadline=None, derandomize=True)
@given(settings_of_layers(), st.integers(0, 2**32))
def test_values_and_gradients_are_those_of_torch(setting, seed):
    torch = pytest.importorskip("torch", reason="values and gradients are compared with those of PyTorch")
    shape, channels, options = setting
    rank = len(shape) - 2
    weight_shape = (shape[1], channels // options["groups"], *options["kernel_size"])
    x, weight, bias = (numbers(*extents, seed=seed) for extents in (shape, weight_shape, (channels,)))
    others = {name: entry for name, entry in options.items() if name != "kernel_size"}
    function = partial(getattr(torch.nn.functional, f"conv_transpose{rank}d"), **others)
    check_with_parameters(partial(LAYERS[rank], channels, **options), function, x, weight, bias)


@pytest.mark.parametrize("extent", [1, 2, 5])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (2, 2), (3, 2), (4, 2), (1, 3), (5, 3)])
def test_same_padding_multiplies_extents_by_the_stride(extent, kernel, stride):
    layer = ConvTranspose1d(1, kernel, stride=stride, padding="same", channels_in=1, weight_init=initializers.ones)
    x = np.arange(1, extent + 1, dtype="float32").reshape(1, 1, extent)
    y = prediction(layer, x)
    whole = np.zeros(max(extent * stride, (extent - 1) * stride + kernel))
    for place in range(extent):
        whole[place * stride : place * stride + kernel] += x[0, 0, place]
    before = max(0, kernel - stride) // 2
    np.testing.assert_array_equal(y[0, 0], whole[before : before + extent * stride])


def test_an_activation_behind_it_becomes_part_of_it():
    layer, x = Sequential(ConvTranspose2d(4, 3), Tanh()), Input((2, 3, 6, 6))
    program = Program([x], layer(x), ParamArena(layer))
    assert [call.label for call in program.schedule.forward] == ["ConvTranspose2d.predict"]


def test_first_weights_keep_the_size_of_numbers():
    """Each output has channels_in / groups · kernel / stride terms on average."""
    layer = ConvTranspose2d(32, 4, stride=2, groups=2, channels_in=64)
    arena = ParamArena(layer)
    assert np.std(layer.weight.value) == pytest.approx((2 / (32 * 4)) ** 0.5, rel=0.03)
    assert set(arena.params) == {"weight", "bias"}


@pytest.mark.parametrize(
    ("layer", "value", "message"),
    [
        (
            ConvTranspose2d(4, 3),
            Input((2, 5, 5)),
            r"ConvTranspose2d\(4, 3\) expects floating-point \(batch, channels, he",
        ),
        (ConvTranspose1d(4, 3, groups=2), Input((2, 3, 5)), "expects input channels that 2 groups divide, got 3"),
        (ConvTranspose1d(4, 3, padding=3), Input((2, 3, 4)), r"padding that leaves some of the output, got \(0,\)"),
        (ConvTranspose3d(4, 3, channels_in=3), Input((2, 2, 5, 5, 5)), "expects 3 channels on axis 1, got"),
    ],
)
def test_inputs_that_do_not_fit_are_named(layer, value, message):
    with pytest.raises(GraphError, match=message):
        layer(value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvTranspose2d(0, 3), "ConvTranspose2d expects a positive whole number as channels, got 0"),
        (lambda: ConvTranspose2d(4, 3, groups=3), "ConvTranspose2d expects channels that 3 groups divide, got 4"),
        (lambda: ConvTranspose1d(4, 3, groups=2, channels_in=3), "input channels that 2 groups divide, got 3"),
        (lambda: ConvTranspose2d(3, 16, 3), r"ConvTranspose2d\(3, 16\) expects an activation, and options by name"),
        (lambda: ConvTranspose1d(4, 3, output_padding=1), r"output_padding below the stride \(1,\), got 1"),
        (
            lambda: ConvTranspose1d(4, 3, output_padding=-1),
            "output_padding as a whole number of at least 0, or 1 of them",
        ),
        (lambda: ConvTranspose1d(4, 3, stride=2, padding="same", output_padding=1), 'no output_padding beside "same"'),
    ],
)
def test_settings_that_make_no_sense_are_named(make, message):
    with pytest.raises(GraphError, match=message):
        make()
