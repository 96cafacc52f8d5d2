"""Learning rates at landmarks."""

from __future__ import annotations

from math import cos, pi

import pytest

from fusegrad.schedules import as_schedule, constant, cosine, warmup

LANDMARKS = [
    (constant(0.3), {0: 0.3, 10**9: 0.3}),
    (as_schedule(2), {0: 2.0, 7: 2.0}),
    (cosine(1.0, 100), {0: 1.0, 25: (1 + cos(pi / 4)) / 2, 50: 0.5, 100: 0.0, 1000: 0.0}),
    (cosine(1.0, 100, final=0.2), {0: 1.0, 50: 0.6, 100: 0.2, 101: 0.2}),
    (cosine(1.0, 1), {0: 1.0, 1: 0.0}),
    (warmup(4, 1.0), {0: 0.25, 1: 0.5, 3: 1.0, 4: 1.0, 1000: 1.0}),
    (warmup(4, cosine(0.8, 100)), {0: 0.2, 3: 0.8, 4: 0.8, 54: 0.4, 104: 0.0, 1000: 0.0}),
]


@pytest.mark.parametrize(
    ("schedule", "step", "rate"),
    [(schedule, step, rate) for schedule, landmarks in LANDMARKS for step, rate in landmarks.items()],
)
def test_rate_at(schedule, step, rate):
    assert schedule(step) == pytest.approx(rate, abs=1e-12)


def test_a_schedule_is_passed_through():
    schedule = cosine(1.0, 10)
    assert as_schedule(schedule) is schedule


@pytest.mark.parametrize("make", [lambda: cosine(1.0, 0), lambda: warmup(0, 1.0), lambda: warmup(-3, 1.0)])
def test_a_schedule_without_steps_is_an_error(make):
    with pytest.raises(ValueError, match=r"(cosine|warmup) expects steps of at least 1, got (0|-3)"):
        make()
