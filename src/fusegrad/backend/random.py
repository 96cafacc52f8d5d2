"""Random numbers as a function of (seed, step, node, index): the same words on every backend and in every shape.

Philox4x32-10 (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3").  Index i, in C order, is word i % 4
of the block with counter (i // 4, node, step & 0xffffffff, step >> 32) under key (seed & 0xffffffff, seed >> 32).

Outputs are C-contiguous arrays of any shape, of up to 2**34 elements, in host memory or on a device, where one launch
fills them.  `seed` and `step` are Python ints below 2**64 or 0-d uint64 arrays, which the host does not read if they
lie on a device; `node` is an int below 2**32.  Results are the same everywhere, but for the last digits of `normal`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend import random_kernels
from fusegrad.backend.cuda import is_on_device

MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], "uint64")
WEYL = np.array([[0x9E3779B9], [0xBB67AE85]], "uint64")
ROUNDS = 10
LOW = 0xFFFFFFFF
IN_CACHE = 1 << 13  # counters at a time: 64 KiB an array


def bits(out: Any, seed: Any, step: Any, node: int) -> None:
    """Fill a uint32 array with random words."""
    check(out, "uint32")
    if is_on_device(out):
        return random_kernels.bits(out, seed, step, node)
    for part, words in draws(out, seed, step, node):
        part[...] = words[: part.size]


def keep(mask: Any, seed: Any, step: Any, node: int, rate: float) -> None:
    """Fill a uint8 or bool array with 0 where the word is below rate · 2**32, a share `rate` of places, else 1."""
    check(mask, "uint8", "bool")
    if is_on_device(mask):
        return random_kernels.keep(mask, seed, step, node, threshold(rate))
    least = np.uint32(threshold(rate))
    for part, words in draws(mask, seed, step, node):
        part[...] = words[: part.size] >= least


def threshold(rate: float) -> int:
    """The least word that keeps its element."""
    if not 0 <= rate < 1:
        raise ValueError(f"rate expects a number in [0, 1), got {rate}")
    return int(rate * 2**32)


def uniform(out: Any, seed: Any, step: Any, node: int) -> None:
    """Fill a float32 or float64 array from the uniform distribution on (0, 1), without either end."""
    check(out, "float32", "float64")
    if is_on_device(out):
        return random_kernels.uniform(out, seed, step, node)
    for part, words in draws(out, seed, step, node):
        part[...] = unit(words[: part.size], out.dtype)


def normal(out: Any, seed: Any, step: Any, node: int) -> None:
    """Fill a float32 or float64 array from N(0, 1), elements 2i and 2i + 1 from words 2i and 2i + 1; none beyond 5.8.

    Box and Muller, 1958: sqrt(-2 ln u) (cos 2πv, sin 2πv).
    """
    check(out, "float32", "float64")
    if is_on_device(out):
        return random_kernels.normal(out, seed, step, node)
    for part, words in draws(out, seed, step, node):
        radius = np.sqrt(-2 * np.log(unit(words[0::2], out.dtype)))
        angle = 2 * pi * unit(words[1::2], out.dtype)
        part[0::2] = (radius * np.cos(angle))[: part[0::2].size]
        part[1::2] = (radius * np.sin(angle))[: part[1::2].size]


def unit(words: Any, dtype: Any) -> Any:
    """(top 23 bits + 1/2) / 2**23, which float32 holds exactly; of 24 bits the largest would round to 1."""
    return ((words >> 9).astype(dtype) + 0.5) * 2.0**-23


def check(out: Any, *dtypes: str) -> None:
    """TypeError for an array of another dtype, ValueError for one that is not C-contiguous."""
    if out.dtype not in dtypes:
        raise TypeError(f"random numbers of this kind expect an array of {' or '.join(dtypes)}, got {out.dtype}")
    if not out.flags.c_contiguous:
        raise ValueError(f"random numbers expect a C-contiguous array, got strides {out.strides}")


def draws(out: NDArray[Any], seed: Any, step: Any, node: int) -> Iterator[tuple[Any, Any]]:
    """Stretches of `out` that cover it in order, each with its words: as many, rounded up to a multiple of four."""
    flat, keys, steps = out.reshape(-1), round_keys(seed), halves(step)
    blocks = -(-out.size // 4)
    for start in range(0, blocks, IN_CACHE):
        stop = min(start + IN_CACHE, blocks)
        yield flat[4 * start : 4 * stop], philox(start, stop, node, steps, keys)


def philox(start: int, stop: int, node: int, step: Any, keys: Any) -> NDArray[np.uint32]:
    """The words of blocks `start` to `stop`."""
    even, odd = mixed(np.arange(start, stop, dtype="uint64"), node, step, keys)
    words = np.empty((stop - start, 4), "uint32")
    words[:, 0::2], words[:, 1::2] = even.T, odd.T
    return words.reshape(-1)


def mixed(blocks: NDArray[np.uint64], node: int, step: Any, keys: Any) -> tuple[Any, Any]:
    """Words 0 and 2, and words 1 and 3, of some blocks; kept in uint64 so that a product has room for its high half."""
    even, odd, product = np.empty((3, 2, blocks.size), "uint64")
    even[0], odd[0] = blocks, node
    even[1], odd[1] = step
    for key in keys:
        np.multiply(even, MULTIPLIERS, out=product)
        np.right_shift(product[::-1], 32, out=even)
        np.bitwise_xor(odd, key, out=odd)
        np.bitwise_xor(even, odd, out=even)
        np.bitwise_and(product[::-1], LOW, out=odd)
    return even, odd


def round_keys(seed: Any) -> NDArray[np.uint64]:
    rounds = np.arange(ROUNDS, dtype="uint64").reshape(-1, 1, 1)
    keys: NDArray[np.uint64] = (halves(seed) + WEYL * rounds) & LOW
    return keys


def halves(number: Any) -> NDArray[np.uint64]:
    """The low and the high 32 bits, one above the other."""
    whole = np.asarray(number, dtype="uint64")
    return np.stack([whole & LOW, whole >> 32]).reshape(2, 1)
