"""Rows in a random order, computed one by one: no list of them is stored, and none is sorted.

A balanced Feistel network of ROUNDS rounds over the least even number of bits that hold every row, whose round function
is a word of Philox (see `random`): of the half block, the round and the epoch, under the seed.  What lies beyond the
rows goes through again until it does not ("cycle walking": Black and Rogaway, 2002, "Ciphers with arbitrary finite
domains"), less than four times on average.  kernels/permutation.cuh computes the same integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend.random import IN_CACHE, halves, mixed, round_keys

ROUNDS = 6
FIRST = 2**32 - ROUNDS  # the round as a coordinate of Philox, where nodes of a graph have their numbers
MOST_ROWS = 2**31 - 1


def permuted(indices: Any, rows: int, seed: Any, epoch: Any) -> NDArray[np.int64]:
    """The rows that stand at the places `indices`: a bijection of 0 .. rows-1, another for each seed and epoch.

    seed and epoch are below 2**64, ints or 0-d uint64 arrays of the host.  Raises ValueError for an index that is not
    one of a row, and for less than one or more than 2**31 - 1 rows.
    """
    places = np.asarray(indices, "int64")
    check(places, rows)
    found = np.empty(places.size, "int64")
    half, step, keys = half_bits(rows), halves(epoch), round_keys(seed)
    for start in range(0, places.size, IN_CACHE):
        values = places.reshape(-1)[start : start + IN_CACHE].astype("uint64")
        waiting = np.arange(values.size)
        while waiting.size:
            values[waiting] = scrambled(values[waiting], half, step, keys)
            waiting = waiting[values[waiting] >= rows]
        found[start : start + IN_CACHE] = values
    return found.reshape(places.shape)


def half_bits(rows: int) -> int:
    """Half of the bits of the network for so many rows."""
    return ((rows - 1).bit_length() + 1) // 2


def scrambled(values: Any, half: int, step: Any, keys: Any) -> Any:
    """The network, once, for values of uint64: a bijection of the numbers of 2 half bits."""
    left, right = values >> half, values & (1 << half) - 1
    for number in range(ROUNDS):
        words, _ = mixed(right, FIRST + number, step, keys)
        left, right = right, left ^ words[0] & (1 << half) - 1
    return left << half | right


def check(places: NDArray[np.int64], rows: int) -> None:
    if not 1 <= rows <= MOST_ROWS:
        raise ValueError(f"a permutation expects 1 to {MOST_ROWS} rows, got {rows}")
    if places.size and not (places.min() >= 0 and places.max() < rows):
        got = f"{places.min()} to {places.max()}"
        raise ValueError(f"a permutation of {rows} rows expects places from 0 to {rows - 1}, got {got}")
