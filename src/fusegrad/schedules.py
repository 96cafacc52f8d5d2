"""Learning rates as functions of the update's number, 0, 1, 2, …"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import cos, inf, pi

Schedule = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """Always `rate`."""
    return lambda step: rate


def step(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """rate · factor^⌊n / every⌋ at update n, as PyTorch's `StepLR`."""
    require_positive("step", "every", every)
    require_above_zero("step", "factor", factor)
    return lambda step: rate * factor ** (step // every)


def multi_step(rate: float, milestones: Sequence[int], factor: float = 0.1) -> Schedule:
    """rate · factor^m from the m-th of the rising `milestones` on, as PyTorch's `MultiStepLR`."""
    reached = [0, *milestones]
    rising = all(one < other for one, other in pairwise(reached))
    require(rising, "multi_step", "milestones", "that rise, from at least 1", list(milestones))
    require_above_zero("multi_step", "factor", factor)
    return lambda step: rate * factor ** (bisect_right(reached, step) - 1)


def exponential(rate: float, factor: float) -> Schedule:
    """rate · factor^n at update n, as PyTorch's `ExponentialLR`."""
    require_above_zero("exponential", "factor", factor)
    return lambda step: rate * factor**step


def polynomial(rate: float, steps: int, final: float = 0.0, power: float = 1.0) -> Schedule:
    """final + (rate - final) · (1 - n / steps)^power at update n, then `final`, as Keras's `PolynomialDecay`."""
    require_positive("polynomial", "steps", steps)
    require_above_zero("polynomial", "power", power)
    return lambda step: final + (rate - final) * (1 - min(step, steps) / steps) ** power


def inverse_time(rate: float, decay: float, steps: int = 1) -> Schedule:
    """rate / (1 + decay · n / steps) at update n, as Keras's `InverseTimeDecay`."""
    require_positive("inverse_time", "steps", steps)
    require(0 <= decay < inf, "inverse_time", "decay", "of at least 0", decay)
    return lambda step: rate / (1 + decay * step / steps)


def cosine(rate: float, steps: int, final: float = 0.0) -> Schedule:
    """From `rate` to `final` along half a cosine over `steps` updates, then `final` (arXiv:1608.03983, no restarts)."""
    require_positive("cosine", "steps", steps)
    return lambda step: half_cosine(rate, final, min(step, steps), steps)


def cosine_restarts(rate: float, first: int, multiplier: float = 1, final: float = 0.0) -> Schedule:
    """From `rate` towards `final` along half a cosine over `first` updates, and again (SGDR, arXiv:1608.03983).

    Each cycle is `multiplier` times as long as the one before.  PyTorch's `CosineAnnealingWarmRestarts`.
    """
    require_positive("cosine_restarts", "first", first)
    require(1 <= multiplier < inf, "cosine_restarts", "multiplier", "of at least 1", multiplier)

    def rate_at(step: int) -> float:
        if multiplier == 1:
            return half_cosine(rate, final, step % first, first)
        done: float = step
        length: float = first
        while done >= length:
            done, length = done - length, length * multiplier
        return half_cosine(rate, final, done, length)

    return rate_at


def one_cycle(
    peak: float, steps: int, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> Schedule:
    """Up from peak / div_factor to `peak`, down to peak / div_factor / final_div_factor, each along half a cosine.

    The way up takes `pct_start` of the `steps` updates; after the last one the rate stays.  Smith and Topin, 2017,
    arXiv:1708.07120, as PyTorch's `OneCycleLR`, whose first update counts as one made already: the peak is at
    n = pct_start · steps - 1.
    """
    require_positive("one_cycle", "steps", steps)
    require(0 <= pct_start < 1, "one_cycle", "pct_start", "of at least 0 and below 1", pct_start)
    require_above_zero("one_cycle", "div_factor", div_factor)
    require_above_zero("one_cycle", "final_div_factor", final_div_factor)
    initial, top = peak / div_factor, pct_start * steps - 1

    def rate_at(step: int) -> float:
        if step < top:
            return half_cosine(initial, peak, step, top)
        return half_cosine(peak, initial / final_div_factor, min(step, steps - 1) - top, steps - 1 - top)

    return rate_at


def warmup(steps: int, then: Schedule | float) -> Schedule:
    """Linearly up to the first rate of `then` over `steps` updates, then `then` counted from 0 (arXiv:1706.02677)."""
    require_positive("warmup", "steps", steps)
    after = as_schedule(then)
    return lambda step: after(0) * (step + 1) / steps if step < steps else after(step - steps)


def as_schedule(rate: Schedule | float) -> Schedule:
    """A number means `constant`."""
    return rate if callable(rate) else constant(float(rate))


def half_cosine(start: float, end: float, done: float, whole: float) -> float:
    """Where one is on the way from `start` to `end` when `done` of `whole` is behind."""
    return end + (start - end) * (1 + cos(pi * done / whole)) / 2


def require_positive(owner: str, name: str, number: int) -> None:
    require(number >= 1, owner, name, "of at least 1", number)


def require_above_zero(owner: str, name: str, number: float) -> None:
    require(0 < number < inf, owner, name, "above 0", number)


def require(condition: bool, owner: str, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{owner} expects {name} {expected}, got {got}")
