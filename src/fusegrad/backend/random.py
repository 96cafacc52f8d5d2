"""Random numbers as a function of (seed, step, node, index): the same words on every backend and in every shape.

Philox4x32-10 (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3").  Index i, in C order, is word i % 4
of the block with counter (i // 4, node, step & 0xffffffff, step >> 32) under key (seed & 0xffffffff, seed >> 32).

Outputs are C-contiguous NumPy or CuPy arrays of any shape, of up to 2**34 elements.  `seed` and `step` are Python ints
below 2**64 or 0-d uint64 arrays, which are not read by the host if they lie on a device; `node` is an int below 2**32.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import pi
from typing import Any

import numpy as np

from fusegrad.backend.cuda import namespace

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
WEYL = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10
LOW = 0xFFFFFFFF
IN_CACHE = 1 << 13  # counters at a time on the CPU: 64 KiB an array


def bits(out: Any, seed: Any, step: Any, node: int) -> None:
    """Fill a uint32 array with random words."""
    for part, words in draws(out, ("uint32",), seed, step, node):
        part[...] = words[: part.size]


def keep(mask: Any, seed: Any, step: Any, node: int, rate: float) -> None:
    """Fill a uint8 or bool array with 0 where the word is below rate · 2**32, a share `rate` of places, else 1."""
    if not 0 <= rate < 1:
        raise ValueError(f"rate expects a number in [0, 1), got {rate}")
    threshold = np.uint32(int(rate * 2**32))
    for part, words in draws(mask, ("uint8", "bool"), seed, step, node):
        part[...] = words[: part.size] >= threshold


def uniform(out: Any, seed: Any, step: Any, node: int) -> None:
    """Fill a float32 or float64 array from the uniform distribution on (0, 1), without either end."""
    for part, words in draws(out, ("float32", "float64"), seed, step, node):
        part[...] = unit(words[: part.size], out.dtype)


def normal(out: Any, seed: Any, step: Any, node: int) -> None:
    """Fill a float32 or float64 array from N(0, 1), elements 2i and 2i + 1 from words 2i and 2i + 1; none beyond 5.8.

    Box and Muller, 1958: sqrt(-2 ln u) (cos 2πv, sin 2πv).
    """
    for part, words in draws(out, ("float32", "float64"), seed, step, node):
        radius = np.sqrt(-2 * np.log(unit(words[0::2], out.dtype)))
        angle = 2 * pi * unit(words[1::2], out.dtype)
        part[0::2] = (radius * np.cos(angle))[: part[0::2].size]
        part[1::2] = (radius * np.sin(angle))[: part[1::2].size]


def unit(words: Any, dtype: Any) -> Any:
    """(top 23 bits + 1/2) / 2**23, which float32 holds exactly; of 24 bits the largest would round to 1."""
    return ((words >> 9).astype(dtype) + 0.5) * 2.0**-23


def draws(out: Any, dtypes: tuple[str, ...], seed: Any, step: Any, node: int) -> Iterator[tuple[Any, Any]]:
    """Stretches of `out` that cover it in order, each with its words: as many, rounded up to a multiple of four.

    Raises TypeError for another dtype than `dtypes`, and ValueError for an array that is not C-contiguous.
    """
    if out.dtype not in dtypes:
        raise TypeError(f"random numbers of this kind expect an array of {' or '.join(dtypes)}, got {out.dtype}")
    if not out.flags.c_contiguous:
        raise ValueError(f"random numbers expect a C-contiguous array, got strides {out.strides}")
    xp, flat = namespace(out), out.reshape(-1)
    keys, step = round_keys(xp, seed), halves(xp, step)
    blocks = -(-out.size // 4)
    length = IN_CACHE if xp is np else max(1, blocks)
    for start in range(0, blocks, length):
        stop = min(start + length, blocks)
        yield flat[4 * start : 4 * stop], philox(xp, start, stop, node, step, keys)


def philox(xp: Any, start: int, stop: int, node: int, step: Any, keys: Any) -> Any:
    """The words of blocks `start` to `stop`; words are kept in uint64 so that a product has room for its high half."""
    multipliers = constants(xp, MULTIPLIERS)
    even, odd, product = (xp.empty((2, stop - start), "uint64") for _ in range(3))  # words 0 and 2, words 1 and 3
    even[0], odd[0] = xp.arange(start, stop, dtype="uint64"), node
    even[1], odd[1] = step
    for key in keys:
        np.multiply(even, multipliers, out=product)
        np.right_shift(product[::-1], 32, out=even)
        np.bitwise_xor(odd, key, out=odd)
        np.bitwise_xor(even, odd, out=even)
        np.bitwise_and(product[::-1], LOW, out=odd)
    words = xp.empty((stop - start, 4), "uint32")
    words[:, 0::2], words[:, 1::2] = even.T, odd.T
    return words.reshape(-1)


def round_keys(xp: Any, seed: Any) -> Any:
    rounds = xp.arange(ROUNDS, dtype="uint64").reshape(-1, 1, 1)
    return (halves(xp, seed) + constants(xp, WEYL) * rounds) & LOW


def halves(xp: Any, number: Any) -> Any:
    """The low and the high 32 bits, one above the other."""
    whole = xp.asarray(number, dtype="uint64")
    return xp.stack([whole & LOW, whole >> 32]).reshape(2, 1)


def constants(xp: Any, pair: tuple[int, int]) -> Any:
    return xp.asarray(pair, dtype="uint64").reshape(2, 1)
