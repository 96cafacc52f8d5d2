"""First values of parameters: functions `(generator, shape) -> array`; weights have shape (width_out, width_in, …)."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Initializer = Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]


def zeros(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """All 0."""
    return np.zeros(shape)


def normal(std: float = 0.01, mean: float = 0.0) -> Initializer:
    """N(mean, std²)."""
    return lambda generator, shape: generator.normal(mean, std, shape)


def xavier_normal(gain: float = 1.0) -> Initializer:
    """N(0, gain² · 2 / (fan_in + fan_out)), for tanh and sigmoid (Glorot and Bengio, 2010)."""
    return lambda generator, shape: generator.normal(0, gain * sqrt(2 / sum(fans(shape))), shape)


def xavier_uniform(gain: float = 1.0) -> Initializer:
    """U(-a, a) with a = gain · sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
        bound = gain * sqrt(6 / sum(fans(shape)))
        return generator.uniform(-bound, bound, shape)

    return draw


def he_normal(gain: float = 1.0) -> Initializer:
    """N(0, gain² · 2 / fan_in), for ReLU (He et al., 2015, arXiv:1502.01852)."""
    return lambda generator, shape: generator.normal(0, gain * sqrt(2 / fans(shape)[0]), shape)


def he_uniform(gain: float = 1.0) -> Initializer:
    """U(-a, a) with a = gain · sqrt(6 / fan_in) (He et al., 2015, arXiv:1502.01852)."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
        bound = gain * sqrt(6 / fans(shape)[0])
        return generator.uniform(-bound, bound, shape)

    return draw


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (width_out, width_in, …kernel)."""
    if len(shape) < 2:
        raise ValueError(f"this initializer expects a weight (width_out, width_in, …), got shape {shape}")
    receptive = prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive
