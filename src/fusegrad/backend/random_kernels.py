"""Random numbers on a device, one launch each: what is computed says `random.py`, and how, kernels/random.cu."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fusegrad.backend.cuda import is_on_device
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import c_type

Launch = Callable[[], None]
THREADS = 256  # of a block, as the kernels have it


def bits(out: Any, seed: Any, step: Any, node: int) -> None:
    filling(out, "random_bits", seed, step, node)()


def keep(mask: Any, seed: Any, step: Any, node: int, threshold: int) -> None:
    filling(mask, f"random_keep<{c_type(mask.dtype)}>", seed, step, node, threshold)()


def uniform(out: Any, seed: Any, step: Any, node: int) -> None:
    filling(out, f"random_uniform<{c_type(out.dtype)}>", seed, step, node)()


def normal(out: Any, seed: Any, step: Any, node: int) -> None:
    bind_normal(out, seed, step, node, mean=0.0, std=1.0)()


def bind_normal(out: Any, seed: Any, step: Any, node: int, *, mean: float, std: float) -> Launch:
    """A launch that fills `out`, of any floating-point dtype that kernels have, from N(mean, std²)."""
    return filling(out, f"random_normal<{c_type(out.dtype)}>", seed, step, node, mean, std)


def filling(out: Any, name: str, seed: Any, step: Any, node: int, *more: float) -> Launch:
    run = kernel(out, "random.cu", name)
    return run.bind(blocks(out.size), (THREADS,), out, out.size, *coordinates(seed, step, node), *more)


def blocks(size: int) -> tuple[int]:
    """The grid in which every thread has four elements."""
    return (-(-size // (4 * THREADS)),)


def coordinates(seed: Any, step: Any, node: int) -> tuple[Any, ...]:
    """What the kernels take for seed, step and node: an array on the device or None, and the number without one."""
    return *array_or_number(seed), *array_or_number(step), node


def array_or_number(value: Any) -> tuple[Any, int]:
    return (value, 0) if is_on_device(value) else (None, int(value))
