"""First values of parameters: functions `(generator, shape) -> array`; weights have shape (width_out, width_in, …)."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Initializer = Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]


def zeros(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """All 0."""
    return np.zeros(shape)


def ones(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """All 1."""
    return np.ones(shape)


def constant(value: float) -> Initializer:
    """All `value`."""
    return lambda generator, shape: np.full(shape, float(value))


def uniform(low: float, high: float) -> Initializer:
    """U(low, high); ValueError unless low < high."""
    if not -inf < low < high < inf:
        raise ValueError(f"uniform expects low < high, got {low} and {high}")
    return lambda generator, shape: generator.uniform(low, high, shape)


def normal(std: float = 0.01, mean: float = 0.0) -> Initializer:
    """N(mean, std²)."""
    return lambda generator, shape: generator.normal(mean, std, shape)


def truncated_normal(std: float = 0.01, mean: float = 0.0, cut: float = 2.0) -> Initializer:
    """N(mean, std²) given that it lies within mean ± cut · std, drawn exactly; ValueError unless cut > 0, std >= 0.

    As everywhere, `std` is that before the cut: with cut = 2 the weights have 0.88 of it.
    """
    if not cut > 0:
        raise ValueError(f"truncated_normal expects cut above 0, got {cut}")
    if not 0 <= std < inf:
        raise ValueError(f"truncated_normal expects std of at least 0, got {std}")

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
        size = prod(shape)
        kept = candidates(generator, size, cut)
        while kept.size < size:
            kept = np.concatenate([kept, candidates(generator, size - kept.size, cut)])
        return mean + std * kept.reshape(shape)

    return draw


def candidates(generator: np.random.Generator, size: int, cut: float) -> NDArray[Any]:
    """At most `size` numbers from N(0, 1) given that they lie within ± cut, more than half of them on average."""
    if cut < 1:  # few normal numbers would lie within; thinned out by their density, uniform ones are normal
        numbers = generator.uniform(-cut, cut, size)
        return numbers[generator.random(size) < np.exp(-numbers * numbers / 2)]
    numbers = generator.standard_normal(size)
    return numbers[np.abs(numbers) <= cut]


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


def lecun_normal(gain: float = 1.0) -> Initializer:
    """N(0, gain² / fan_in), for SELU (LeCun et al., 1998; Klambauer et al., 2017, arXiv:1706.02515)."""
    return lambda generator, shape: generator.normal(0, gain * sqrt(1 / fans(shape)[0]), shape)


def lecun_uniform(gain: float = 1.0) -> Initializer:
    """U(-a, a) with a = gain · sqrt(3 / fan_in) (LeCun et al., 1998)."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
        bound = gain * sqrt(3 / fans(shape)[0])
        return generator.uniform(-bound, bound, shape)

    return draw


def orthogonal(gain: float = 1.0) -> Initializer:
    """gain · Q, Q uniform among the matrices (width_out, rest) with orthonormal rows, or columns where those are fewer.

    Q of a normal matrix's QR with R's diagonal made positive (Saxe et al., 2014, arXiv:1312.6120; Mezzadri, 2007,
    arXiv:math-ph/0609050).  Axes after the first are flattened.
    """

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
        columns = fans(shape)[0]
        rows = shape[0]
        q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.copysign(1, np.diagonal(r))
        weights: NDArray[Any] = gain * (q if rows >= columns else q.T).reshape(shape)
        return weights

    return draw


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (width_out, width_in, …kernel)."""
    if len(shape) < 2:
        raise ValueError(f"this initializer expects a weight (width_out, width_in, …), got shape {shape}")
    receptive = prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive
