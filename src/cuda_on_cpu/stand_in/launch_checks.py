"""Checks of what a launch is given.  A real driver takes whatever bytes come, as wide as the parameter happens to be.

CuPy hands over a Python float as a double, an int as 64 bits, and asks neither for the number of arguments nor for
dtypes and strides (cupy/cuda/function.pyx; https://github.com/cupy/cupy/issues/8485).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.limits import MAX_BLOCK_Z, MAX_GRID, MAX_THREADS

# Vectors that kernels load through: the element of the array, and the alignment in bytes.
VECTORS = {"float32x2": ("float32", 8), "float32x4": ("float32", 16), "uint32x4": (None, 16)}
VECTORS |= {"float16x2": ("float16", 4), "bfloat16x2": ("bfloat16", 4)}
AS_CUPY_PASSES = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}
Sizes = tuple[int, int, int]


def geometry(name: str, grid: Any, block: Any) -> tuple[Sizes, Sizes]:
    """Grid and block with three sizes each; a grid without blocks becomes one block, as in CuPy."""
    blocks, threads = three_sizes(name, "grid", grid), three_sizes(name, "block", block)
    if min(blocks) < 0 or min(threads) < 1:
        raise LaunchError(f"{name}: grid {grid} and block {block} expect sizes from 0 and from 1")
    blocks = (max(1, blocks[0]), max(1, blocks[1]), max(1, blocks[2]))
    count = threads[0] * threads[1] * threads[2]
    if count > MAX_THREADS or threads[2] > MAX_BLOCK_Z:
        raise LaunchError(f"{name}: block {block} has {count} threads (limits {MAX_THREADS}, and {MAX_BLOCK_Z} in z)")
    if any(size > limit for size, limit in zip(blocks, MAX_GRID, strict=True)):
        raise LaunchError(f"{name}: grid {grid} exceeds the limits of the device, {MAX_GRID}")
    return blocks, threads


def three_sizes(name: str, what: str, sizes: Any) -> Sizes:
    if not isinstance(sizes, tuple) or not 1 <= len(sizes) <= 3:
        raise LaunchError(f"{name}: {what} expects a tuple of one to three sizes, got {sizes!r}")
    for size in sizes:
        if not isinstance(size, int | np.integer) or isinstance(size, bool):
            raise LaunchError(f"{name}: {what} expects host integers, got {type(size).__name__}")
    x, y, z = (*(int(size) for size in sizes), 1, 1)[:3]
    return x, y, z


def check_pointer(name: str, position: int, array: Any, wanted: str, stand_in: Any) -> None:
    """LaunchError unless the array can be passed for a parameter `wanted*`."""
    where = f"{name}: argument {position}"
    if not isinstance(array, stand_in.ndarray):
        raise LaunchError(f"{where} is a pointer ({wanted}*), got {type(array).__name__}")
    if array.stand_in is not stand_in or array.device.id != stand_in.cuda.runtime.getDevice():
        raise LaunchError(f"{where} lies on {array.device}, not on the current device")
    element, alignment = VECTORS.get(wanted, (wanted, array.itemsize))
    if element not in (None, "void", "struct") and not holds(array.dtype, str(element)):
        raise LaunchError(f"{where}: array of {array.dtype} for parameter {wanted}*")
    if not array.flags.c_contiguous:
        raise LaunchError(f"{where} is not C-contiguous, and kernels know no strides")
    if array.size and array.data.ptr % alignment:
        raise LaunchError(f"{where}: address not aligned to {alignment} bytes for {wanted}*")


def holds(dtype: np.dtype[Any], element: str) -> bool:
    """bfloat16 is not a type of NumPy's own: arrays of uint16 may hold its bits."""
    return dtype.name == element or (element == "bfloat16" and dtype == np.uint16)


def scalar(name: str, position: int, value: Any, wanted: str, size: int) -> NDArray[Any]:
    """A by-value argument as an array of one; its type must be exactly that of the parameter."""
    where = f"{name}: argument {position}"
    if isinstance(value, bytes | bytearray):
        if wanted != "struct" or len(value) != size:
            raise LaunchError(f"{where}: {len(value)} bytes for parameter {wanted} of {size} bytes")
        return np.frombuffer(bytes(value), np.uint8)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(())[()]
    if not isinstance(value, np.generic):
        passed = f"; CuPy would pass it as {AS_CUPY_PASSES[type(value)]}" if type(value) in AS_CUPY_PASSES else ""
        raise LaunchError(f"{where}: {type(value).__name__} for parameter {wanted}{passed}: use np.{wanted}(...)")
    if value.dtype.itemsize != size if wanted == "struct" else value.dtype.name != wanted:
        raise LaunchError(f"{where}: {value.dtype} for parameter {wanted} of {size} bytes")
    return np.array([value])
