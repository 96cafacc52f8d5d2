"""The IDX format, in which MNIST and its relatives come (LeCun et al., 1998)."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x1f\x8b"  # of gzip
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | PathLike[str]) -> NDArray[Any]:
    """The array of an IDX file, plain or compressed by gzip, in the byte order of this machine.

    Two zero bytes, one for the dtype, one for the number of axes, the extents as big-endian integers of 32 bits, and
    the elements in C order.  Raises ValueError for anything else, and for a file that is too short or too long.
    """
    file = Path(path)
    content = file.read_bytes()
    if content[:2] == MAGIC:
        content = unpacked(file, content)
    extents, dtype = header(file, content)
    start = 4 + 4 * len(extents)
    expected, got = prod(extents) * dtype.itemsize, len(content) - start
    if got != expected:
        raise ValueError(f"{file} expects {expected} bytes of elements for shape {extents}, got {got}")
    elements = np.frombuffer(content, dtype, offset=start).reshape(extents)
    return elements.astype(dtype.newbyteorder("="))


def header(file: Path, content: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Extents and dtype."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES:
        raise ValueError(f"{file} expects the first four bytes of an IDX file, 00 00, dtype, axes, got {content[:4]!r}")
    axes = content[3]
    if len(content) < 4 + 4 * axes:
        raise ValueError(f"{file} expects extents of {axes} axes, got {len(content) - 4} bytes")
    return tuple(np.frombuffer(content, ">u4", axes, 4).tolist()), np.dtype(DTYPES[content[2]])


def unpacked(file: Path, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{file} expects a whole gzip file: {error}") from None
