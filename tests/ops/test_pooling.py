"""What parity on random numbers does not show of pooling: equal elements, NaN and infinities, and threads."""

from __future__ import annotations

from math import nan
from types import SimpleNamespace

import numpy as np
import pytest

from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.expr import threads
from fusegrad.ops import global_pool, max_pool, resample
from fusegrad.ops.axis_map import linear_between_corners, window_means
from fusegrad.ops.overlap import plane_share
from fusegrad.ops.window import Window

PAIRS = Window((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0)))
ROWS = [  # a plane of two windows, and the largest elements and where they are
    ([[1, 1, 0, 0], [1, 1, 0, 0]], [1, 0], [0, 2]),
    ([[-0.0, 0.0, 1, 2], [0.0, 0.0, 2, 2]], [0, 2], [0, 3]),
    ([[nan, 1, 1, nan], [nan, 9, 9, 9]], [nan, nan], [0, 3]),
    ([[1, 2, 1, 2], [nan, nan, 2, 1]], [nan, 2], [4, 3]),
    ([[-np.inf] * 4] * 2, [-np.inf, -np.inf], [0, 2]),
    ([[np.inf, nan, 1, np.inf], [np.inf, 1, np.inf, 1]], [nan, np.inf], [1, 3]),
]


@pytest.fixture(params=["numpy", "numba", "cuda"])
def evaluator(request, tmp_path_factory, monkeypatch):
    if request.param == "numba":
        pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
        monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path_factory.getbasetemp()))
    return request.param


def run(evaluator, op, *arrays, **options):
    """The arrays as the op leaves them."""
    if evaluator != "cuda":
        op.at_once(evaluator, *arrays, **options)
        return arrays
    backend = EmulatedBackend("check")
    there = [backend.asarray(array) for array in arrays]
    with backend.using_stream():
        op.launch(*there, **options)
    return [backend.to_numpy(array) for array in there]


@pytest.mark.parametrize(("plane", "largest", "places"), ROWS)
def test_the_first_of_equals_wins_and_nan_before_all_numbers(evaluator, plane, largest, places):
    x = np.array(plane, "float32")[None, None]
    y, taps, indices = (np.zeros((1, 1, 1, 2), dtype) for dtype in ("float32", "uint8", "int64"))
    _, y, _, indices = run(evaluator, max_pool.forward_indices, x, y, taps, indices, window=PAIRS)
    np.testing.assert_array_equal(y.reshape(-1), largest)
    np.testing.assert_array_equal(indices.reshape(-1), places)


@pytest.mark.parametrize(("plane", "largest", "places"), ROWS)
def test_so_it_is_with_whole_planes(evaluator, plane, largest, places):
    x = np.array(plane, "float32")[None, None][..., :2].copy()
    y, at = np.zeros((1, 1), "float32"), np.zeros((1, 1), "int64")
    _, y, at = run(evaluator, global_pool.largest, x, y, at)
    assert at.item() == {0: 0, 1: 1, 4: 2}[places[0]]
    np.testing.assert_array_equal(y.item(), largest[0])


def test_an_infinite_gradient_stays_where_it_belongs(evaluator):
    dy, taps = np.array([[[[np.inf, 1.0]]]], "float32"), np.array([[[[1, 2]]]], "uint8")
    *_, dx = run(evaluator, max_pool.backward, dy, taps, np.ones((1, 1, 2, 4), "float32"), window=PAIRS)
    np.testing.assert_array_equal(dx[0, 0], [[0, np.inf, 0, 0], [0, 0, 1, 0]])


def test_what_a_mean_does_not_contain_does_not_reach_it(evaluator):
    x = np.array([[[np.inf, 1, 2, 3, nan]]], "float32")
    maps = window_means(Window((2,), (1,), (1,), ((1, 1),)), (5,), (6,), True)
    _, y = run(evaluator, resample.forward, x, np.zeros((1, 1, 6), "float32"), maps=maps)
    np.testing.assert_array_equal(y[0, 0], [np.inf, np.inf, 1.5, 2.5, nan, nan])


@pytest.mark.parametrize("evaluator", ["numpy", "numba"])
def test_the_number_of_threads_changes_no_bit(evaluator, monkeypatch, tmp_path_factory):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
        monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path_factory.getbasetemp()))
    x = np.random.default_rng(0).normal(size=(17, 16, 24, 24)).astype("float32")
    overlapping = Window((3, 3), (2, 2), (1, 1), ((1, 1), (1, 1)))
    results = []
    for count in ("1", "3"):
        monkeypatch.setenv(threads.VARIABLE, count)
        y, taps = np.empty((17, 16, 12, 12), "float32"), np.empty((17, 16, 12, 12), "uint8")
        dx, means, few = np.empty_like(x), np.empty_like(y), np.empty((17, 16), "float32")
        run(evaluator, max_pool.forward, x, y, taps, window=overlapping)
        run(evaluator, max_pool.backward, y, taps, dx, window=overlapping)
        run(evaluator, resample.forward, x, means, maps=window_means(overlapping, (24, 24), (12, 12), True))
        run(evaluator, global_pool.mean, x, few)
        results.append((y, taps, dx, means, few))
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)


def test_the_mean_of_a_large_plane_is_exact_to_a_few_bits(tmp_path_factory, monkeypatch):
    pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path_factory.getbasetemp()))
    x = np.full((1, 2, 1000, 1000), 0.1, "float32")
    _, y = run("numba", global_pool.mean, x, np.empty((1, 2), "float32"))
    np.testing.assert_allclose(y, 0.1, rtol=8 * np.finfo("float32").eps)


def test_runs_of_a_map_are_as_few_as_its_pattern_allows():
    pool = Window((3,), (2,), (1,), ((1, 1),))
    (mean,) = window_means(pool, (28,), (14,), True)
    assert len(list(mean.diagonals())) == 3
    assert len(list(mean.transposed().diagonals())) == 3
    assert len(list(linear_between_corners(5, 9).diagonals())) == 3


def test_kernels_refuse_planes_that_they_cannot_count():
    small, large = SimpleNamespace(shape=(1, 1, 8, 8)), SimpleNamespace(shape=(1, 1, 2**16, 2**15))
    assert plane_share(small, small)
    with pytest.raises(ValueError, match=r"at most 2147483647 elements, got shape \(1, 1, 65536, 32768\)"):
        plane_share(large, small)
