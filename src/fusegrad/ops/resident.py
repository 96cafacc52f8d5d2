"""Batches of a data set that lies where it is computed with: by number, in order or shuffled anew in every epoch.

Shapes: x (rows, …), y (count, …); seed, epoch, batch 0-d uint64 arrays.  Every batch lies within the rows,
(batch + 1) · count <= rows, which nothing checks here: kernels leave rows of y that would lie beyond as they are.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from fusegrad.backend.dtypes import HALVES
from fusegrad.backend.kernels import kernel
from fusegrad.backend.permutation import half_bits, permuted
from fusegrad.backend.signature import c_type
from fusegrad.ops.grids import rows_by_columns
from fusegrad.ops.op import Bound, op

FILE = "resident.cu"
WORDS = ("uint32", "uint16", "uint8")  # as which rows are moved whose elements stay what they are


@op
def take(x: Any, y: Any, seed: Any, epoch: Any, batch: Any, *, shuffle: bool = True) -> None:
    """y[i] = x[π(batch count + i)], where π permutes the rows by seed and epoch, or leaves them in order.

    y has the dtype of x, any, or half precision where x is float32.
    """
    places = int(batch) * len(y) + np.arange(len(y))
    y[...] = x[permuted(places, len(x), seed, epoch) if shuffle else places]


@take.cuda
def launch_take(x: Any, y: Any, seed: Any, epoch: Any, batch: Any, *, shuffle: bool = True) -> Bound:
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(f"batches expect rows of shape {x.shape[1:]}, got an array of shape {y.shape} for them")
    for name, array in (("x", x), ("y", y)):
        if not array.flags.c_contiguous:  # or what follows would see a copy
            raise ValueError(f"batches expect {name} to be contiguous, got strides {array.strides}")
    source, target = moved(x, y)
    width = prod(x.shape[1:]) * x.itemsize // source.itemsize
    each = at_once(width, source, target)
    name = f"resident_take<{c_type(source.dtype)}, {c_type(target.dtype)}, {each}>"
    sizes = len(x), len(y), width, half_bits(len(x))
    run = kernel(x, FILE, name)
    return run.bind(*rows_by_columns(len(y), width // each), source, target, seed, epoch, batch, *sizes, shuffle)


def moved(x: Any, y: Any) -> tuple[Any, Any]:
    """Both arrays as the kernel sees them: float32 to become half precision, else the largest words that rows are."""
    if x.dtype == "float32" and str(y.dtype) in HALVES:
        return x, y
    if x.dtype != y.dtype:
        raise TypeError(
            f"batches of {x.dtype} expect an array of that, or of half precision for float32, got {y.dtype}"
        )
    nbytes = prod(x.shape[1:]) * x.itemsize
    sizes = {word: np.dtype(word).itemsize for word in WORDS}
    starts = [array.data.ptr for array in (x, y)]
    word = next(word for word, size in sizes.items() if all(number % size == 0 for number in (nbytes, *starts)))
    return x.reshape(-1).view(word), y.reshape(-1).view(word)


def at_once(width: int, *arrays: Any) -> int:
    """How many neighbours one access moves in rows of `width` elements: up to 16 bytes of four-byte ones, or one."""
    if arrays[0].itemsize < 4:
        return 1
    fits = [n for n in (4, 2, 1) if width % n == 0 and all(a.data.ptr % (n * a.itemsize) == 0 for a in arrays)]
    return fits[0]


@op
def advance(batch: Any, epoch: Any, *, batches: int) -> None:
    """batch += 1; after the last of `batches`, batch = 0 and epoch += 1."""
    following = int(batch) + 1
    batch[...] = following if following < batches else 0
    epoch[...] = epoch[()] + np.uint64(following >= batches)


@advance.cuda
def launch_advance(batch: Any, epoch: Any, *, batches: int) -> Bound:
    return kernel(batch, FILE, "resident_advance").bind((1,), (1,), batch, epoch, batches)
