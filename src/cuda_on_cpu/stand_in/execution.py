"""Runs a kernel whose launch was checked, once in each order of threads, and compares the results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.reports import LaunchError
from cuda_on_cpu.stand_in.launch_checks import Sizes
from cuda_on_cpu.stand_in.ranges import Stretch, stretches


def execute(
    kernel: Any,
    grid: Sizes,
    block: Sizes,
    values: Sequence[NDArray[Any]],
    arrays: Sequence[tuple[int, Any, bool]],
    shared_bytes: int,
) -> None:
    """`values`: an array of the bytes of each argument; `arrays`: (position, array, whether it is only read)."""
    touched = stretches(kernel.name, arrays, kernel.inplace_ok)
    orders = kernel.stand_in.orders
    written = [stretch for stretch in touched if not stretch.read_only]
    before = [stretch.raw.copy() for stretch in written] if len(orders) > 1 else []
    results: list[list[NDArray[Any]]] = []
    for number, order in enumerate(orders):
        if number:
            restore(written, before)
        run_once(kernel, grid, block, values, touched, shared_bytes, order, number)
        if len(orders) > 1:
            results.append([stretch.raw.copy() for stretch in written])
    if kernel.deterministic:
        require_equal(kernel.name, orders, written, results)
    for stretch in touched:
        stretch.note_writes()


def run_once(
    kernel: Any,
    grid: Sizes,
    block: Sizes,
    values: Sequence[NDArray[Any]],
    touched: Sequence[Stretch],
    shared_bytes: int,
    order: str,
    seed: int,
) -> None:
    kernel.kernel.launch(
        grid,
        block,
        [int(value.ctypes.data) for value in values],
        [stretch.as_range() for stretch in touched],
        dynamic_bytes=shared_bytes,
        order=order,
        seed=seed,
        strict_exit=kernel.strict_exit,
        allow_interblock=kernel.allow_interblock,
    )
    for stretch in touched:
        if not stretch.memory.red_zones_are_intact():
            raise LaunchError(f"{kernel.name} wrote outside of the memory of {stretch.name}")


def restore(written: Sequence[Stretch], before: Sequence[NDArray[Any]]) -> None:
    for stretch, content in zip(written, before, strict=True):
        stretch.raw[...] = content


def require_equal(
    kernel: str, orders: Sequence[str], written: Sequence[Stretch], results: Sequence[Sequence[NDArray[Any]]]
) -> None:
    for order, result in zip(orders[1:], results[1:], strict=True):
        for stretch, first, other in zip(written, results[0], result, strict=True):
            if not np.array_equal(first, other):
                raise LaunchError(
                    f"{kernel}: {stretch.name} depends on the order that threads run in ({orders[0]} against {order}); "
                    "set deterministic to False where that is meant"
                )
