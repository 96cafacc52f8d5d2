"""Learning rates as functions of the update's number, 0, 1, 2, …"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

Schedule = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """Always `rate`."""
    return lambda step: rate


def cosine(rate: float, steps: int, final: float = 0.0) -> Schedule:
    """From `rate` to `final` along half a cosine over `steps` updates, then `final` (arXiv:1608.03983, no restarts)."""
    require_positive("cosine", "steps", steps)
    return lambda step: final + (rate - final) * (1 + cos(pi * min(step, steps) / steps)) / 2


def warmup(steps: int, then: Schedule | float) -> Schedule:
    """Linearly up to the first rate of `then` over `steps` updates, then `then` counted from 0 (arXiv:1706.02677)."""
    require_positive("warmup", "steps", steps)
    after = as_schedule(then)
    return lambda step: after(0) * (step + 1) / steps if step < steps else after(step - steps)


def as_schedule(rate: Schedule | float) -> Schedule:
    """A number means `constant`."""
    return rate if callable(rate) else constant(float(rate))


def require_positive(owner: str, name: str, number: int) -> None:
    if number < 1:
        raise ValueError(f"{owner} expects {name} of at least 1, got {number}")
