"""Memory of the pretended device: poisoned, between red zones, with a mark for each byte that was written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.stand_in.counters import Counters

ALIGNMENT = 512  # of every allocation, as CuPy's memory pool gives it; also the least size of the red zones
POISON = 0xFF  # NaN in every floating-point type
SEARCHED = 1000  # candidates for a common byte of two strided views, beyond which they count as overlapping
FLOATS_OF_OTHERS = ("bfloat16",)  # of ml_dtypes, which NumPy takes for bytes without meaning
NAMES = {"bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
NAMES |= {"float16", "float32", "float64", *FLOATS_OF_OTHERS}


class Memory:
    """One allocation.  `written` has a 1 for each byte of `raw` that something wrote; None where nobody tracks it."""

    def __init__(self, nbytes: int, tracked: bool, counters: Counters) -> None:
        self.nbytes, self.counters = nbytes, counters
        self.raw: NDArray[np.uint8] = np.full(nbytes + 3 * ALIGNMENT, POISON, np.uint8)
        self.written: NDArray[np.uint8] | None = np.zeros(self.raw.size, np.uint8) if tracked else None
        self.start = int(self.raw.ctypes.data)
        self.offset = ALIGNMENT + -self.start % ALIGNMENT
        counters.add(used_bytes=nbytes, allocations=1)

    def __del__(self) -> None:
        self.counters.add(used_bytes=-self.nbytes)

    @property
    def address(self) -> int:
        return self.start + self.offset

    def as_array(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        return np.ndarray(shape, dtype, self.raw, self.offset)

    def contains(self, host: NDArray[Any]) -> bool:
        return bool(np.may_share_memory(host, self.raw))

    def red_zones_are_intact(self) -> bool:
        before, after = self.raw[: self.offset], self.raw[self.offset + self.nbytes :]
        return bool((before == POISON).all() and (after == POISON).all())

    def marks(self, host: NDArray[Any]) -> NDArray[Any] | None:
        """For a view of this memory: integers of the same layout, in which each byte is 1 that was written."""
        if self.written is None:
            return None
        if not host.size:
            return np.empty(host.shape, f"u{host.itemsize}")
        offset = int(host.ctypes.data) - self.start
        return np.ndarray(host.shape, f"u{host.itemsize}", self.written, offset, host.strides)


def overlap(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two views have a byte in common."""
    return bool(np.may_share_memory(one, other, max_work=SEARCHED))  # type: ignore[arg-type]


def all_written(itemsize: int) -> int:
    """The mark of an element all bytes of which were written."""
    return int.from_bytes(b"\1" * itemsize, "little")


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """The dtype as an object of NumPy; TypeError for one that arrays of the stand-in cannot have."""
    found: np.dtype[Any] = np.dtype(dtype)
    if found.name not in NAMES or not found.isnative:
        raise TypeError(f"arrays of the stand-in are of {', '.join(sorted(NAMES))}; got {found}")
    return found
