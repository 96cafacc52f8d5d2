"""Shuffled rows: each appears once, anywhere with equal chances, and in another order in every epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusegrad.backend import permutation
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.backend.kernels import generated_kernel
from fusegrad.backend.permutation import half_bits, permuted

SIZES = [*range(1, 18), 31, 64, 65, 100, 255, 256, 257, 1797, 65536, 65537]
LARGEST = 2**31 - 1
ONE_BY_ONE = """
#include "permutation.cuh"
extern "C" __global__ void __launch_bounds__(256) order(
    const unsigned* index, unsigned* row, int n, unsigned rows, int half, unsigned long long seed,
    unsigned long long epoch) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) row[i] = permuted(index[i], rows, half, seed, epoch);
}
"""


def order(rows: int, seed: int = 1, epoch: int = 2) -> Any:
    return permuted(np.arange(rows), rows, seed, epoch)


@pytest.mark.parametrize("rows", SIZES)
def test_every_row_appears_once(rows: int) -> None:
    for seed, epoch in ((0, 0), (1, 2), (2**64 - 1, 2**40)):
        assert np.array_equal(np.sort(order(rows, seed, epoch)), np.arange(rows))


@pytest.mark.parametrize("rows", SIZES)
def test_the_network_has_the_fewest_bits_of_an_even_number_that_hold_all_rows(rows: int) -> None:
    assert 4 ** half_bits(rows) >= rows
    assert half_bits(rows) == 0 or 4 ** (half_bits(rows) - 1) < rows


def test_places_may_be_asked_for_in_any_order_and_shape() -> None:
    whole = order(1797)
    places = np.random.default_rng(0).integers(0, 1797, (3, 50))
    np.testing.assert_array_equal(permuted(places, 1797, 1, 2), whole[places])
    assert permuted(np.empty(0, "int64"), 1797, 1, 2).shape == (0,)
    assert permuted(5, 1797, 1, 2) == whole[5]


def test_many_places_are_computed_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = order(1000)
    monkeypatch.setattr(permutation, "IN_CACHE", 7)
    np.testing.assert_array_equal(order(1000), whole)


def test_seed_and_epoch_may_lie_in_arrays() -> None:
    seed, epoch = np.array(2**40, "uint64"), np.array(2**33 + 1, "uint64")
    np.testing.assert_array_equal(permuted(np.arange(9), 9, seed, epoch), order(9, 2**40, 2**33 + 1))


def excess(counts: Any, expected: float) -> float:
    """Chi-square of counts, as the number of standard deviations beyond its mean."""
    freedom = (counts.shape[0] - 1) * (counts.shape[1] - 1)  # rows and columns have the same sums
    return float((np.square(counts - expected).sum() / expected - freedom) / np.sqrt(2 * freedom))


@pytest.mark.parametrize(("rows", "draws"), [(2, 400), (3, 600), (5, 1000), (16, 1000), (37, 1000)])
def test_every_row_stands_everywhere_with_equal_chances(rows: int, draws: int) -> None:
    for orders in (
        [order(rows, seed) for seed in range(draws)],
        [order(rows, epoch=epoch) for epoch in range(draws)],
    ):
        counts = np.zeros((rows, rows))
        for found in orders:
            counts[np.arange(rows), found] += 1
        assert abs(excess(counts, draws / rows)) < 5


def test_neighbours_are_torn_apart_with_equal_chances() -> None:
    """The difference of the rows at neighbouring places, of 8 classes, over 400 seeds."""
    rows, draws = 64, 400
    counts = np.zeros((rows - 1, 8))
    for seed in range(draws):
        differences = np.diff(order(rows, seed)) % rows
        counts[np.arange(rows - 1), differences // 8] += 1
    shares = np.array([7, *[8] * 7]) / 63  # a difference of 0 never happens
    assert np.square(counts.sum(0) / counts.sum() - shares).max() < 1e-4


def test_orders_of_four_rows_occur_equally_often() -> None:
    """All 24 of them, although halves of one bit are all that is mixed."""
    found, counts = np.unique([order(4, seed) for seed in range(2400)], axis=0, return_counts=True)
    assert len(found) == 24
    assert np.square(counts - 100).sum() / 100 < 23 + 5 * np.sqrt(2 * 23)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    """Two orders share one place on average; the upper halves of 64 bits count, too."""
    rows, numbers = 1000, (0, 1, 2, 2**32, 2**63)
    orders = [order(rows, seed, epoch) for seed in numbers for epoch in numbers]
    pairs = [(a, b) for i, a in enumerate(orders) for b in orders[:i]]
    assert max(int((a == b).sum()) for a, b in pairs) < 10


def test_as_many_rows_as_there_may_be() -> None:
    places = np.concatenate([np.arange(2000), LARGEST - 1 - np.arange(2000), [2**30, 2**30 + 1]])
    found = permuted(places, LARGEST, 3, 4)
    assert len(np.unique(found)) == len(places)
    assert found.min() >= 0
    assert found.max() < LARGEST
    assert abs(found.mean() / LARGEST - 0.5) < 5 / np.sqrt(12 * len(places))


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100, 1797, 2**16 + 1, 2**24, LARGEST])
def test_the_gpu_computes_the_same_rows(rows: int) -> None:
    backend = EmulatedBackend("check")
    places = np.unique(np.linspace(0, rows - 1, 100).astype("uint32"))
    for seed, epoch in ((1, 2), (2**63 + 5, 2**40 + 7)):
        index, row = backend.asarray(places), backend.zeros(places.shape, "uint32")
        with backend.using_stream():
            run = generated_kernel(index, "order.cu", ONE_BY_ONE, "order")
            run.bind((1,), (256,), index, row, places.size, rows, half_bits(rows), seed, epoch)()
        np.testing.assert_array_equal(backend.to_numpy(row), permuted(places, rows, seed, epoch))


@pytest.mark.parametrize("rows", [0, -1, 2**31])
def test_other_numbers_of_rows_are_refused(rows: int) -> None:
    with pytest.raises(ValueError, match=f"a permutation expects 1 to 2147483647 rows, got {rows}"):
        permuted([0], rows, 1, 2)


@pytest.mark.parametrize("place", [-1, 5])
def test_places_outside_are_refused(place: int) -> None:
    with pytest.raises(ValueError, match=r"a permutation of 5 rows expects places from 0 to 4, got (-1 to 0|0 to 5)"):
        permuted([0, place], 5, 1, 2)
