"""Launches of CUDA kernels on the CPU without anything in between: arrays of NumPy, scalars of NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cuda_on_cpu import ArrayRange, Kernel, Module, build

KERNELS = Path(__file__).parent / "kernels"
ORDERS = ("forward", "reverse", "random", "warps_reversed")


@cache
def module(code: str, filename: str = "kernel.cu", options: tuple[str, ...] = (), names: tuple[str, ...] = (),
           mode: str = "check") -> Module:  # fmt: skip
    return Module(build(code, filename, options, names, mode))


@cache
def source(filename: str) -> str:
    return (KERNELS / filename).read_text()


def kernel(filename: str, name: str, mode: str = "check") -> Kernel:
    """One kernel of a file in kernels/."""
    return module(source(filename), filename, mode=mode).kernels[name]


def inline(
    body: str, parameters: str = "float* y", prefix: str = "", mode: str = "check", options: Sequence[str] = ()
) -> Kernel:
    """A kernel with the given body, which begins in line 2 of kernel.cu."""
    code = f'{prefix} extern "C" __global__ void kernel({parameters}) {{\n{body}\n}}\n'
    return module(code, options=tuple(options), mode=mode).kernels["kernel"]


def launch(kernel: Kernel, grid: Any, block: Any, *arguments: Any, valid: dict[int, Any] | None = None,
           **options: Any) -> None:  # fmt: skip
    """Launch with NumPy arrays for pointers, read-only ones for pointers to const, and NumPy scalars for values.

    `valid` maps the index of an argument to an array of bytes, one per element, 0 where nothing was written.
    """
    values, ranges = [], []
    for index, argument in enumerate(arguments):
        if isinstance(argument, np.ndarray):
            address = None if valid is None or index not in valid else valid[index].ctypes.data
            constant = kernel.signature[index][0] == "Pc"
            granule = min(argument.itemsize, 4)
            at = argument.ctypes.data
            ranges.append(ArrayRange(at, argument.nbytes, granule, constant, address, f"argument {index}"))
            values.append(np.array([at], np.uint64))
        else:
            values.append(np.array([argument]))
    sizes = [(*np.atleast_1d(size).tolist(), 1, 1)[:3] for size in (grid, block)]
    kernel.launch(*sizes, [value.ctypes.data for value in values], ranges, **options)
