"""Upsampling and pixel shuffling: values and gradients are those of PyTorch; what a layer refuses."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers.outcomes import check_like_torch, numbers, outcome, prediction

from fusegrad.graph import GraphError, Input
from fusegrad.layers import PixelShuffle, PixelUnshuffle, Sequential, Upsample

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


@st.composite
def upsamplings(draw):
    """Shape of x and a scale for each axis, exact in float32, as PyTorch computes places."""
    rank = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(1, 7 if rank < 3 else 4)) for _ in range(rank + 2))
    return shape, tuple(draw(st.sampled_from([1, 1.5, 2, 3, 4])) for _ in range(rank))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(upsamplings(), st.sampled_from(["nearest", "edges", "corners"]), st.integers(0, 2**32))
def test_values_and_gradients_are_those_of_torch(setting, kind, seed):
    functional = pytest.importorskip("torch").nn.functional
    shape, scale = setting
    mode = "nearest" if kind == "nearest" else LINEAR[len(shape) - 2]
    options = {} if kind == "nearest" else {"align_corners": kind == "corners"}
    function = partial(functional.interpolate, scale_factor=scale, mode=mode, **options)
    check_like_torch(Upsample(scale, mode, **options), function, numbers(*shape, seed=seed))


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_pixel_shuffling_is_that_of_torch(factor):
    functional = pytest.importorskip("torch").nn.functional
    fine, coarse = numbers(2, 3, 2 * factor, 5 * factor), numbers(2, 3 * factor**2, 2, 5)
    check_like_torch(PixelShuffle(factor), partial(functional.pixel_shuffle, upscale_factor=factor), coarse)
    check_like_torch(PixelUnshuffle(factor), partial(functional.pixel_unshuffle, downscale_factor=factor), fine)


@pytest.mark.parametrize("shape", [(2, 6, 7), (2, 4, 3, 5), (1, 16, 2, 3, 4)])
def test_unshuffling_undoes_shuffling(shape):
    x = numbers(*shape)
    np.testing.assert_array_equal(prediction(Sequential(PixelShuffle(2), PixelUnshuffle(2)), x), x)


def test_a_scale_below_1_leaves_places_out():
    x = numbers(1, 1, 6)
    np.testing.assert_array_equal(prediction(Upsample(0.5), x), x[..., ::2])


def test_a_scale_may_be_a_number_of_numpy():
    x = Input((1, 1, 4, 6))
    assert Upsample((np.float32(1.5), np.int64(2)))(x).shape == (1, 1, 6, 12)


LAYERS = [Upsample(2), Upsample((2, 3), "bilinear"), PixelShuffle(2), PixelUnshuffle(2)]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_kernels_on_the_emulated_gpu_compute_the_same(layer):
    x = numbers(2, 4, 4, 6)
    found, wanted = (outcome(layer, x, backend=backend) for backend in ("emulated", "cpu"))
    np.testing.assert_allclose(found.y, wanted.y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.gradients[0], wanted.gradients[0], rtol=1e-5, atol=1e-6)


REFUSED = [
    (lambda x: Upsample(2, "cubic")(x), (1, 1, 4), "a mode of nearest, linear, bilinear, trilinear, got 'cubic'"),
    (lambda x: Upsample(2, "bilinear")(x), (1, 1, 4), r"Upsample\(2, 'bilinear'\) expects .* with 2 more axes"),
    (lambda x: Upsample(2)(x), (1, 1), "with 1 or 2 or 3 more axes"),
    (lambda x: Upsample((2, 2))(x), (1, 1, 4), "a scale for each of 1 axes"),
    (lambda x: Upsample(-1)(x), (1, 1, 4), "a positive number as scale"),
    (lambda x: Upsample(0.1)(x), (1, 1, 4), "axes of which something is left, got one of 4 times 0.1"),
    (lambda x: Upsample(1e-7, "linear")(x), (1, 1, 4), "axes of which something is left"),
    (lambda x: Upsample(2, ["nearest"])(x), (1, 1, 4), r"a mode of nearest, .*, got \['nearest'\]"),
    (lambda x: Upsample(2, align_corners=True)(x), (1, 1, 4), "align_corners only where it interpolates"),
    (lambda x: PixelShuffle(2)(x), (1, 6, 4, 4), "channels that 4 divides"),
    (lambda x: PixelShuffle(0)(x), (1, 6, 4, 4), "factor as a whole number of at least 1"),
    (lambda x: PixelUnshuffle(2)(x), (1, 6, 4, 5), "extents that 2 divides"),
    (lambda x: PixelUnshuffle(2)(x), (1, 6), "floating-point input"),
]


@pytest.mark.parametrize(("call", "shape", "message"), REFUSED)
def test_what_cannot_be_upsampled_is_refused(call, shape, message):
    with pytest.raises(GraphError, match=message):
        call(Input(shape))
