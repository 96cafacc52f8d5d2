"""The three products by columns: against sums over taps, in blocks of any size, in space that others have used."""

from __future__ import annotations

import math
import tracemalloc
from itertools import product
from threading import Thread

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fusegrad.expr.activations import gelu, identity
from fusegrad.ops import convolution
from fusegrad.ops.convolution import channels, space
from fusegrad.ops.convolution.in_columns import products as by_columns
from fusegrad.ops.convolution.in_columns.axes import Axis, parts
from fusegrad.ops.convolution.in_columns.blocks import evenly
from fusegrad.ops.window import Window


def seen(padded, window, tap, places):
    """What lies at one place of all windows."""
    starts = [k * gap for k, gap in zip(tap, window.dilation, strict=True)]
    stops = [start + (n - 1) * step + 1 for start, n, step in zip(starts, places, window.stride, strict=True)]
    return padded[(..., *map(slice, starts, stops, window.stride))]


def in_groups(x, groups):
    return x.reshape(len(x), groups, x.shape[1] // groups, *x.shape[2:])


def by_taps(x, weight, dy, window, groups):
    """y, dx and dweight, added up tap by tap."""
    padded = np.pad(x, ((0, 0), (0, 0), *window.padding))
    dpadded, dweight = np.zeros_like(padded), np.zeros_like(weight)
    y = np.zeros_like(in_groups(dy, groups))
    of_weight, of_dweight = (w.reshape(groups, -1, *w.shape[1:]) for w in (weight, dweight))
    for tap in product(*map(range, window.kernel)):
        part, target = (seen(in_groups(p, groups), window, tap, dy.shape[2:]) for p in (padded, dpadded))
        y += np.einsum("goi,ngi...->ngo...", of_weight[(..., *tap)], part)
        target += np.einsum("goi,ngo...->ngi...", of_weight[(..., *tap)], in_groups(dy, groups))
        flat = (p.reshape(*p.shape[:3], math.prod(p.shape[3:])) for p in (in_groups(dy, groups), part))
        of_dweight[(..., *tap)] = np.einsum("ngop,ngip->goi", *flat)
    inside = (slice(b, b + n) for (b, _), n in zip(window.padding, x.shape[2:], strict=True))
    return y.reshape(dy.shape), dpadded[(..., *inside)], dweight


@st.composite
def convolutions(draw):
    """x, weight, dy, a window and groups."""

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    extents = each(1, 9 if rank < 3 else 5)
    padding = tuple(zip(each(0, 5), each(0, 5), strict=True))
    window = Window(each(1, 4), each(1, 3), each(1, 3), padding)
    places = window.outputs(extents)
    assume(min(places) > 0)
    batch, channels_in, channels_out = draw(st.integers(0, 5)), *(groups * draw(st.integers(1, 3)) for _ in range(2))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    shapes = (batch, channels_in, *extents), (channels_out, channels_in // groups, *window.kernel)
    arrays = [generator.normal(size=shape) for shape in (*shapes, (batch, channels_out, *places))]
    return *arrays, window, groups


@settings(max_examples=60, deadline=None, derandomize=True)
@given(convolutions(), st.sampled_from([1, 1 << 10, 1 << 13, 3 << 18]), st.booleans())
def test_products_are_sums_over_taps(given_arrays, budget, add):
    x, weight, dy, window, groups = given_arrays
    ops = convolution.correlate, convolution.spread, convolution.weigh
    factors = (x, weight), (dy, weight), (dy, x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_columns, "BUDGET", budget)
        space.memory.bytes.fill(255)  # all NaN
        for op, (a, b), expected in zip(ops, factors, by_taps(*given_arrays), strict=True):
            result = np.full_like(expected, 0.5)
            op(a, b, result, window=window, groups=groups, add=add)
            np.testing.assert_allclose(result, expected + 0.5 * add, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("wrong", [np.inf, np.nan])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_what_is_not_finite_reaches_the_sums_that_have_it_alone(wrong, rank):
    """At the beginning of a row without padding, which the last tap of a window never sees."""
    generator = np.random.default_rng(0)
    window = Window((3,) * rank, (1,) * rank, (1,) * rank, ((0, 0),) * rank)
    shapes = (2, 2, *(6,) * rank), (3, 2, *(3,) * rank), (2, 3, *(4,) * rank)
    x, weight, dy = (generator.normal(size=shape) for shape in shapes)
    for array in (x, dy):
        array[(0, 0, *(2,) * (rank - 1), 0)] = wrong
    found = np.empty_like(dy), np.empty_like(x), np.empty_like(weight)
    factors = (x, weight), (dy, weight), (dy, x)
    ops = convolution.correlate, convolution.spread, convolution.weigh
    with np.errstate(all="ignore"):
        expected = by_taps(x, weight, dy, window, 1)
    for op, (a, b), result, wanted in zip(ops, factors, found, expected, strict=True):
        op(a, b, result, window=window, groups=1)
        np.testing.assert_array_equal(np.isfinite(result), np.isfinite(wanted))


def image(batch=4, extent=12):
    generator = np.random.default_rng(0)
    x, weight = generator.normal(size=(batch, 3, extent, extent)), generator.normal(size=(5, 3, 3, 3))
    window = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))
    return [x.astype("float32"), weight.astype("float32"), np.empty((batch, 5, extent, extent), "float32")], window


def test_another_thread_has_space_of_its_own():
    (x, weight, y), window = image()
    call = convolution.correlate.bound("numpy", x, weight, y, window=window, groups=1)
    call()
    expected = y.copy()
    y.fill(0)
    mine = space.memory.bytes
    mine.fill(0)
    thread = Thread(target=call)
    thread.start()
    thread.join()
    np.testing.assert_array_equal(y, expected)
    assert not mine.any()


def test_calls_of_different_convolutions_take_turns_in_one_space():
    (x, weight, y), window = image()
    options = {"window": window, "groups": 1}
    dx, dweight = np.empty_like(x), np.empty_like(weight)
    calls = [
        convolution.correlate.bound("numpy", x, weight, y, **options),
        convolution.weigh.bound("numpy", y, x, dweight, **options),
        convolution.spread.bound("numpy", y, weight, dx, **options),
    ]
    found = []
    for _ in range(2):
        for call in calls:
            call()
        found.append([array.copy() for array in (y, dx, dweight)])
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("function", [identity, gelu], ids=str)
def test_passes_allocate_nothing(function):
    (x, weight, y), window = image(batch=64)
    bias, h, dh, dx = np.ones(5, "float32"), np.empty_like(y), np.empty_like(y), np.empty_like(x)
    own = {} if function is identity else {"h": h, "dh": dh}
    kept = {} if function is identity else {"h": h}
    options = {"window": window, "groups": 1}
    forward = convolution.forward(function, bool(kept)).bound("numpy", x, weight, bias, y, **kept, **options)
    gradients = {"dx": dx, "dweight": np.empty_like(weight), "dbias": np.empty_like(bias)}
    backward = convolution.backward(function).bound("numpy", dy=y, x=x, weight=weight, **own, **gradients, **options)
    for call in (forward, backward):
        call()
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 16 < y.nbytes / 2  # NumPy has a buffer of 32 KiB to broadcast a bias


def test_space_is_a_block_and_not_the_columns_of_all_samples():
    (x, weight, y), window = image(batch=64, extent=32)
    convolution.correlate(x, weight, y, window=window, groups=1)
    all_columns = y[:, 0].size * weight[0].nbytes
    assert len(space.memory.bytes) < all_columns / 4


def test_a_convolution_costs_two_operations_for_each_place_and_tap():
    (x, weight, y), window = image()
    product, bias = 2 * y.size * 27, np.ones(5, "float32")
    others = window, 1, False, False, False
    assert convolution.forward(identity, False).flops(x, weight, bias, y, window, 1) == product + y.size
    assert convolution.forward(identity, False).flops(x, weight, None, y, window, 1) == product
    assert convolution.transposed_forward(identity, False).flops(y, weight, None, x, window, 1) == product
    assert convolution.backward(identity).flops(y, x, weight, x, weight, bias, *others) == 2 * product + y.size
    assert convolution.backward(identity).flops(y, x, weight, None, weight, None, *others) == product
    assert convolution.transposed_backward(identity).flops(x, y, weight, y, None, None, *others) == product


@pytest.mark.parametrize("size", [(3, 4, 5), (1, 1, 1), (2, 3, 4, 5, 2), (0, 3, 4)])
@pytest.mark.parametrize("add", [False, True])
def test_sums_are_over_samples_and_places(size, add):
    x, y = np.random.default_rng(0).normal(size=size), np.ones(size[1])
    for call in channels.sums(x, y, add):
        call()
    np.testing.assert_allclose(y, x.sum(axis=(0, *range(2, x.ndim))) + add, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(convolutions())
def test_parts_lie_apart_and_leave_out_what_no_window_sees(given_arrays):
    x, weight, dy, window, groups = given_arrays
    times = np.zeros(x.shape[2:], int)
    for part in parts(window, x.shape[2:], dy.shape[2:]):
        times[part.places] += 1
    _, seen, _ = by_taps(x, np.ones_like(weight), np.ones_like(dy), window, groups)
    assert times.max() <= 1
    assert (seen[:, :, times == 0] == 0).all()


def test_there_are_no_more_parts_than_taps():
    window = Window((2, 3), (1000, 2), (1, 1), ((0, 0), (1, 1)))
    assert len(list(parts(window, (5000, 50), window.outputs((5000, 50))))) == 4


def test_rows_without_steps_share_the_zeros_between_them():
    assert Axis(28, 28, 1, (-1, 0, 1)).pitch == 29
    assert Axis(14, 10, 1, (0, 1, 2, 3, 4)).pitch == 14
    assert Axis(28, 14, 2, (-1, 0, 1)).pitch == 15  # of each phase


@pytest.mark.parametrize(("count", "most"), list(product((0, 1, 5, 64), (1, 3, 64, 100))))
def test_pieces_are_even(count, most):
    pieces = evenly(count, most)
    assert [i for piece in pieces for i in range(piece.start, piece.stop)] == list(range(count))
    lengths = [piece.stop - piece.start for piece in pieces]
    assert max(lengths, default=0) <= most
    assert len(set(lengths[:-1])) <= 1
