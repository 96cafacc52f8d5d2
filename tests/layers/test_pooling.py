"""Pooling: values, places and gradients are those of PyTorch; what a layer refuses; programs without backward."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layers.outcomes import check_like_torch, numbers, outcome, prediction

from fusegrad.graph import GraphError, Input, ParamArena, Program, Spec
from fusegrad.layers import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)

MAX_POOLS = {1: MaxPool1d, 2: MaxPool2d, 3: MaxPool3d}
AVG_POOLS = {1: AvgPool1d, 2: AvgPool2d, 3: AvgPool3d}
ADAPTIVE = {1: AdaptiveAvgPool1d, 2: AdaptiveAvgPool2d, 3: AdaptiveAvgPool3d}


@pytest.fixture(scope="module")
def interpreted():
    """The NumPy way, since Numba would compile each kind of window that is drawn; the parity of ops compares both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSEGRAD_EVALUATOR", "numpy")
        yield


def each(draw, rank, low, high):
    return tuple(draw(st.integers(low, high)) for _ in range(rank))


@st.composite
def windows(draw, dilations=(1, 2)):
    """Shape of x, and options; padding is at most half a window, as PyTorch has it."""
    rank = draw(st.integers(1, 3))
    options = {"kernel_size": each(draw, rank, 1, 4), "stride": each(draw, rank, 1, 3)}
    options["padding"] = tuple(draw(st.integers(0, size // 2)) for size in options["kernel_size"])
    options["ceil_mode"] = draw(st.booleans())
    dilation = each(draw, rank, *dilations)
    extents = each(draw, rank, 1, 9 if rank < 3 else 6)
    sizes = zip(extents, options["padding"], dilation, options["kernel_size"], strict=True)
    assume(all(n + 2 * p > d * (k - 1) and n > p * (d - 1) for n, p, d, k in sizes))
    return (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *extents), options, dilation


@settings(max_examples=25, deadline=None, derandomize=True)
@given(windows(), st.integers(0, 2**32))
def test_largest_elements_are_those_of_torch(interpreted, setting, seed):
    functional = pytest.importorskip("torch").nn.functional
    shape, options, dilation = setting
    options = {**options, "dilation": dilation}
    rank = len(shape) - 2
    function = partial(getattr(functional, f"max_pool{rank}d"), **options)
    try:
        check_like_torch(MAX_POOLS[rank](**options), function, numbers(*shape, seed=seed))
    except GraphError as error:
        assert "of which none lies in the padding alone" in str(error)  # which gives -inf in PyTorch


@settings(max_examples=15, deadline=None, derandomize=True)
@given(windows(), st.integers(0, 2**32))
def test_places_are_those_of_torch_also_among_equals(interpreted, setting, seed):
    torch = pytest.importorskip("torch")
    shape, options, _ = setting
    rank = len(shape) - 2
    x = np.round(numbers(*shape, seed=seed))
    inputs = Input(shape)
    y, indices = MAX_POOLS[rank](**options, return_indices=True)(inputs)
    found = Program([inputs], [y, indices], ParamArena([])).forward(x)
    wanted = getattr(torch.nn.functional, f"max_pool{rank}d")(torch.from_numpy(x), **options, return_indices=True)
    np.testing.assert_array_equal(found[0], wanted[0].numpy())
    np.testing.assert_array_equal(found[1], wanted[1].numpy())
    assert found[1].dtype == "int64"


@settings(max_examples=25, deadline=None, derandomize=True)
@given(windows(dilations=(1, 1)), st.booleans(), st.integers(0, 2**32))
def test_means_are_those_of_torch(interpreted, setting, count_include_pad, seed):
    functional = pytest.importorskip("torch").nn.functional
    shape, options, _ = setting
    assume(all(extent >= size for extent, size in zip(shape[2:], options["kernel_size"], strict=True)))  # as there
    options = {**options, "count_include_pad": count_include_pad}
    rank = len(shape) - 2
    check_like_torch(
        AVG_POOLS[rank](**options),
        partial(getattr(functional, f"avg_pool{rank}d"), **options),
        numbers(*shape, seed=seed),
    )


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data(), st.integers(1, 3), st.integers(0, 2**32))
def test_adaptive_means_are_those_of_torch(data, rank, seed):
    functional = pytest.importorskip("torch").nn.functional
    shape, size = each(data.draw, rank + 2, 1, 7), each(data.draw, rank, 1, 8)
    function = partial(getattr(functional, f"adaptive_avg_pool{rank}d"), output_size=size)
    check_like_torch(ADAPTIVE[rank](size), function, numbers(*shape, seed=seed))


@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 2, 7, 6), (2, 2, 3, 4, 5)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pools_are_reductions_of_torch(shape, keepdims):
    pytest.importorskip("torch")
    axes = tuple(range(2, len(shape)))
    check_like_torch(GlobalAvgPool(keepdims), lambda x: x.mean(axes, keepdims), numbers(*shape))
    check_like_torch(GlobalMaxPool(keepdims), lambda x: x.amax(axes, keepdims), numbers(*shape))


LAYERS = [
    MaxPool2d(2),
    MaxPool2d(3, 2, 1, return_indices=True),
    AvgPool2d(3, 2, 1, count_include_pad=False),
    AdaptiveAvgPool2d((2, None)),
    AdaptiveAvgPool2d(1),
    GlobalAvgPool(),
    GlobalMaxPool(),
]


def first_output(layer):
    return lambda x: layer(x)[0] if getattr(layer, "return_indices", False) else layer(x)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_program_without_backward_computes_the_same(layer):
    x = numbers(2, 3, 8, 9)
    np.testing.assert_array_equal(prediction(first_output(layer), x), outcome(first_output(layer), x).y)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_kernels_on_the_emulated_gpu_compute_the_same(layer):
    x = np.round(numbers(2, 3, 8, 9))
    found, wanted = (outcome(first_output(layer), x, backend=backend) for backend in ("emulated", "cpu"))
    np.testing.assert_allclose(found.y, wanted.y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.gradients[0], wanted.gradients[0], rtol=1e-6, atol=1e-6)


def test_padding_same_has_a_window_for_every_step():
    assert MaxPool2d(3, 2, "same")(Input((1, 1, 8, 9))).shape == (1, 1, 4, 5)
    assert AvgPool2d(2, 1, "same")(Input((1, 1, 8, 9))).shape == (1, 1, 8, 9)


def test_padding_may_differ_before_and_behind():
    x = numbers(1, 1, 4)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0)), constant_values=-np.inf)
    found = prediction(MaxPool1d(2, 1, ((1, 0),)), x)
    np.testing.assert_array_equal(found, np.maximum(padded[..., :-1], padded[..., 1:]))


def test_means_with_gaps_leave_out_what_lies_between():
    x = numbers(1, 1, 9)
    np.testing.assert_allclose(
        prediction(AvgPool1d(3, 1, dilation=3), x), (x[..., :3] + x[..., 3:6] + x[..., 6:]) / 3, rtol=1e-6
    )


def test_the_one_adaptive_mean_of_a_long_axis_is_exact_to_a_few_bits():
    y = prediction(AdaptiveAvgPool1d(1), np.full((1, 2, 2**16), 0.1, "float32"))
    assert y.shape == (1, 2, 1)
    np.testing.assert_allclose(y, 0.1, rtol=8 * np.finfo("float32").eps)


def test_a_window_may_have_more_places_than_a_byte_counts():
    x = numbers(1, 2, 20, 20)
    found = outcome(MaxPool2d((20, 17), 1), x)
    place = np.unravel_index(np.argmax(x[0, 1, :, :17]), (20, 17))
    assert found.gradients[0][0, 1][place] != 0


def test_only_half_precision_of_x_differs_in_the_output():
    assert MaxPool2d(2)(Input((1, 1, 4, 4), "float16")).dtype == "float16"
    assert GlobalAvgPool()(Input((1, 1, 4, 4), "float64")).dtype == "float64"


REFUSED = [
    (lambda x: MaxPool2d(2)(x), (2, 3, 8), r"MaxPool2d\(2\) expects floating-point input of shape"),
    (lambda x: MaxPool3d(2)(x), (2, 3, 8, 8), r"\(batch, channels, depth, height, width\)"),
    (lambda x: AvgPool1d(9)(x), (2, 3, 8), "axes that with padding have at least"),
    (lambda x: AvgPool1d(2, 2, 2)(x), (2, 3, 8), "windows of which none lies in the padding alone"),
    (lambda x: MaxPool1d(2, padding=((0, 3),))(x), (2, 3, 8), "windows of which none lies in the padding alone"),
    (lambda x: MaxPool2d(0)(x), (2, 3, 8, 8), "kernel_size as a whole number of at least 1"),
    (lambda x: MaxPool2d(2, stride=(1, 2, 3))(x), (2, 3, 8, 8), "stride as a whole number of at least 1, or 2"),
    (lambda x: AdaptiveAvgPool2d(0)(x), (2, 3, 8, 8), "output_size as a whole number of at least 1"),
    (lambda x: AdaptiveAvgPool2d((None, 0))(x), (2, 3, 8, 8), r"AdaptiveAvgPool2d expects .*, got \(None, 0\)"),
    (lambda x: AdaptiveAvgPool2d((2, None))(x), (2, 3, 8), r"AdaptiveAvgPool2d\(\(2, None\)\) expects"),
    (lambda x: AdaptiveAvgPool1d(2)(x), (2, 3), r"\(batch, channels, width\)"),
    (lambda x: GlobalAvgPool()(x), (2, 3), "with at least one more axis"),
    (lambda x: GlobalMaxPool()(x), (2, 3), "with at least one more axis"),
]


@pytest.mark.parametrize(("call", "shape", "message"), REFUSED)
def test_what_cannot_be_pooled_is_refused(call, shape, message):
    with pytest.raises(GraphError, match=message):
        call(Input(shape))


@pytest.mark.parametrize("layer", [MaxPool1d(2), AvgPool1d(2), AdaptiveAvgPool1d(2), GlobalAvgPool(), GlobalMaxPool()])
def test_integers_are_refused(layer):
    with pytest.raises(GraphError, match="floating-point input"):
        layer.plan(Spec((2, 3, 8), "int64"))
