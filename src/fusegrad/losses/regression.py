"""Losses of regression, for targets that are numbers or counts."""

from __future__ import annotations

from typing import Any

from fusegrad.expr import Expr, Function, clip, exp, expm1, log, log1p, maximum, minimum, tanh, where
from fusegrad.expr.trace import traced
from fusegrad.graph import require
from fusegrad.losses.checks import below_zero, fault
from fusegrad.losses.mean import MeanLoss

FAR = 20.0  # from here on log cosh is a straight line to the last bit of float64

squared_error = traced(lambda x, target: (x - target) * (x - target), name="squared_error")
poisson = traced(lambda x, target: x - target * log(x + 1e-8), name="poisson")
poisson_of_log = traced(lambda x, target: exp(x) - target * x, name="poisson_of_log")


def by_side(x: Expr, target: Expr, above: float, below: float) -> tuple[Expr, Expr]:
    """The derivatives of a loss that has these slopes above and below the target, and 0 on it."""
    slope = where(x > target, above, where(x < target, below, 0))
    return slope, -slope


absolute_error = traced(
    lambda x, target: abs(x - target), name="absolute_error", derivative=lambda x, target: by_side(x, target, 1, -1)
)


def huber(delta: float) -> Function:
    def value(x: Expr, target: Expr) -> Expr:
        error = x - target
        bounded = clip(error, -delta, delta)
        return bounded * (error - 0.5 * bounded)

    def slopes(x: Expr, target: Expr) -> tuple[Expr, Expr]:
        bounded = clip(x - target, -delta, delta)
        return bounded, -bounded

    return traced(value, name=f"huber({delta})", derivative=slopes)


def _log_cosh(x: Expr, target: Expr) -> Expr:
    """log(1 + m² / (2 + 2 m)) with m = exp(|error|) - 1, in which a small error loses no digits."""
    size = abs(x - target)
    curved = minimum(size, FAR)
    m = expm1(curved)
    return log1p(0.5 * (m * m) / (1 + m)) + (size - curved)


def _log_cosh_slopes(x: Expr, target: Expr) -> tuple[Expr, Expr]:
    return tanh(x - target), -tanh(x - target)


log_cosh = traced(_log_cosh, name="log_cosh", derivative=_log_cosh_slopes)


def pinball(q: float) -> Function:
    def value(x: Expr, target: Expr) -> Expr:
        return maximum(q * (target - x), (1 - q) * (x - target))

    return traced(value, name=f"pinball({q})", derivative=lambda x, target: by_side(x, target, 1 - q, -q))


class MSE(MeanLoss):
    """y = mean of (x - target)²; shapes, weights and errors as in `MeanLoss`."""

    def __init__(self) -> None:
        super().__init__(squared_error)


class MAE(MeanLoss):
    """y = mean of |x - target|, whose derivative is 0 where both are equal; PyTorch calls it L1Loss.

    Shapes, weights and errors as in `MeanLoss`.
    """

    def __init__(self) -> None:
        super().__init__(absolute_error)


class Huber(MeanLoss):
    """y = mean of e²/2 where |e| <= delta, else delta (|e| - delta/2), with e = x - target (Huber, 1964).

    Shapes, weights and errors as in `MeanLoss`; GraphError also unless delta > 0.
    """

    def __init__(self, delta: float = 1.0) -> None:
        require(delta > 0, self, "delta above 0", delta)
        super().__init__(huber(delta))


class SmoothL1(MeanLoss):
    """y = mean of e²/(2 beta) where |e| <= beta, else |e| - beta/2: `Huber(beta)` over beta (Girshick, 2015).

    Shapes, weights and errors as in `MeanLoss`; GraphError also unless beta > 0.
    """

    def __init__(self, beta: float = 1.0) -> None:
        require(beta > 0, self, "beta above 0", beta)
        inner = huber(beta)
        super().__init__(traced(lambda x, target: inner(x, target) * (1 / beta), name=f"smooth_l1({beta})"))


class LogCosh(MeanLoss):
    """y = mean of log cosh(x - target), about e²/2 for small errors e and |e| - log 2 for large ones.

    Shapes, weights and errors as in `MeanLoss`.
    """

    def __init__(self) -> None:
        super().__init__(log_cosh)


class Quantile(MeanLoss):
    """y = mean of q (target - x) where x is too low, and of (1 - q) (x - target) where it is too high.

    Its minimum is the q-quantile of the targets; where x = target the derivative is 0.  Koenker and Bassett, 1978.
    Shapes, weights and errors as in `MeanLoss`; GraphError also unless 0 < q < 1.
    """

    def __init__(self, q: float) -> None:
        require(0 < q < 1, self, "q between 0 and 1", q)
        super().__init__(pinball(q))


class Poisson(MeanLoss):
    """y = mean of exp(x) - target x, for x that is the logarithm of a rate, without the terms of the target alone.

    Args:
        log_input: if False, x is the rate itself: x - target log(x + 1e-8).

    Shapes: x, target (batch, …) of equal shape, target floating point, at least 0; weight (batch,), optional; y ().
    Raises GraphError where shapes differ.
    """

    def __init__(self, log_input: bool = True) -> None:
        super().__init__(poisson_of_log if log_input else poisson)

    def check_target(self, target: Any) -> str | None:
        """What is wrong with an array of targets: the first row with a number below 0."""
        return fault(target, below_zero, "numbers of at least 0")
