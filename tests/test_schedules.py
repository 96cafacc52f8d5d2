"""Learning rates at landmarks."""

from __future__ import annotations

import re
from math import cos, inf, nan, pi

import pytest

from fusegrad.schedules import (
    as_schedule,
    constant,
    cosine,
    cosine_restarts,
    exponential,
    inverse_time,
    multi_step,
    one_cycle,
    polynomial,
    step,
    warmup,
)

LANDMARKS = [
    (constant(0.3), {0: 0.3, 10**9: 0.3}),
    (as_schedule(2), {0: 2.0, 7: 2.0}),
    (cosine(1.0, 100), {0: 1.0, 25: (1 + cos(pi / 4)) / 2, 50: 0.5, 100: 0.0, 1000: 0.0}),
    (cosine(1.0, 100, final=0.2), {0: 1.0, 50: 0.6, 100: 0.2, 101: 0.2}),
    (cosine(1.0, 1), {0: 1.0, 1: 0.0}),
    (step(0.8, 30), {0: 0.8, 29: 0.8, 30: 0.08, 59: 0.08, 60: 0.008, 3000: 0.0}),
    (step(1.0, 1, factor=0.5), {0: 1.0, 1: 0.5, 2: 0.25, 10: 1 / 1024}),
    (multi_step(0.8, [30, 80]), {0: 0.8, 29: 0.8, 30: 0.08, 79: 0.08, 80: 0.008, 10**9: 0.008}),
    (multi_step(0.8, [1, 2, 4], factor=0.5), {0: 0.8, 1: 0.4, 2: 0.2, 3: 0.2, 4: 0.1}),
    (multi_step(0.8, []), {0: 0.8, 100: 0.8}),
    (exponential(2.0, 0.5), {0: 2.0, 1: 1.0, 4: 0.125, 10**6: 0.0}),
    (exponential(1e-3, 10), {0: 0.001, 3: 1.0}),
    (polynomial(1.0, 10), {0: 1.0, 1: 0.9, 5: 0.5, 10: 0.0, 11: 0.0}),
    (polynomial(1.0, 10, final=0.2, power=2), {0: 1.0, 5: 0.4, 9: 0.208, 10: 0.2, 10**9: 0.2}),
    (inverse_time(1.0, 0.5), {0: 1.0, 1: 2 / 3, 2: 0.5, 8: 0.2}),
    (inverse_time(0.3, 2, steps=10), {0: 0.3, 5: 0.15, 10: 0.1}),
    (inverse_time(0.3, 0), {0: 0.3, 10: 0.3}),
    (cosine_restarts(1.0, 10), {0: 1.0, 5: 0.5, 9: (1 + cos(0.9 * pi)) / 2, 10: 1.0, 10**9 + 5: 0.5}),
    (cosine_restarts(1.0, 10, 2, final=0.2), {0: 1.0, 5: 0.6, 10: 1.0, 20: 0.6, 29: 0.2 + 0.4 * (1 + cos(0.95 * pi))}),
    (cosine_restarts(1.0, 10, 2), {30: 1.0, 50: 0.5, 70: 1.0, 10 * (2**20 - 1): 1.0, 10 * (2**20 + 2**19 - 1): 0.5}),
    (cosine_restarts(1.0, 10, 1.5), {10: 1.0, 17.5: 0.5, 25: 1.0}),
    (one_cycle(1.0, 100), {0: 0.04, 14.5: 0.52, 29: 1.0, 64: 0.500002, 99: 4e-6, 100: 4e-6, 10**9: 4e-6}),
    (one_cycle(1.0, 11, 0.5, 10, 100), {0: 0.1, 4.5: 1.0, 7.25: 0.5005, 10: 0.001, 11: 0.001}),
    (one_cycle(1.0, 10, pct_start=0.1), {0: 1.0, 9: 4e-6}),
    (one_cycle(1.0, 1), {0: 4e-6, 1: 4e-6}),
    (warmup(4, 1.0), {0: 0.25, 1: 0.5, 3: 1.0, 4: 1.0, 1000: 1.0}),
    (warmup(4, cosine(0.8, 100)), {0: 0.2, 3: 0.8, 4: 0.8, 54: 0.4, 104: 0.0, 1000: 0.0}),
]


@pytest.mark.parametrize(
    ("schedule", "update", "rate"),
    [(schedule, update, rate) for schedule, landmarks in LANDMARKS for update, rate in landmarks.items()],
)
def test_rate_at(schedule, update, rate):
    assert schedule(update) == pytest.approx(rate, abs=1e-12)


def test_a_schedule_is_passed_through():
    schedule = cosine(1.0, 10)
    assert as_schedule(schedule) is schedule


@pytest.mark.parametrize("make", [lambda: cosine(1.0, 0), lambda: warmup(0, 1.0), lambda: warmup(-3, 1.0)])
def test_a_schedule_without_steps_is_an_error(make):
    with pytest.raises(ValueError, match=r"(cosine|warmup) expects steps of at least 1, got (0|-3)"):
        make()


ERRORS = {
    "step expects every of at least 1, got 0": lambda: step(1.0, 0),
    "step expects factor above 0, got 0": lambda: step(1.0, 10, 0),
    "multi_step expects milestones that rise, from at least 1, got [5, 5]": lambda: multi_step(1.0, [5, 5]),
    "multi_step expects milestones that rise, from at least 1, got [0]": lambda: multi_step(1.0, [0]),
    "multi_step expects factor above 0, got nan": lambda: multi_step(1.0, [5], nan),
    "exponential expects factor above 0, got -0.5": lambda: exponential(1.0, -0.5),
    "polynomial expects steps of at least 1, got 0": lambda: polynomial(1.0, 0),
    "polynomial expects power above 0, got 0": lambda: polynomial(1.0, 10, power=0),
    "inverse_time expects decay of at least 0, got -1": lambda: inverse_time(1.0, -1),
    "inverse_time expects steps of at least 1, got 0": lambda: inverse_time(1.0, 1, 0),
    "cosine_restarts expects first of at least 1, got 0": lambda: cosine_restarts(1.0, 0),
    "cosine_restarts expects multiplier of at least 1, got 0.5": lambda: cosine_restarts(1.0, 10, 0.5),
    "one_cycle expects steps of at least 1, got 0": lambda: one_cycle(1.0, 0),
    "one_cycle expects pct_start of at least 0 and below 1, got 1": lambda: one_cycle(1.0, 10, 1),
    "one_cycle expects div_factor above 0, got 0": lambda: one_cycle(1.0, 10, div_factor=0),
    "one_cycle expects final_div_factor above 0, got inf": lambda: one_cycle(1.0, 10, final_div_factor=inf),
}


@pytest.mark.parametrize("message", ERRORS)
def test_numbers_without_a_meaning_are_errors(message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ERRORS[message]()


UPDATES = 50
PEERS = [
    (step(0.3, 7), "StepLR", {"step_size": 7}),
    (step(0.3, 4, 0.7), "StepLR", {"step_size": 4, "gamma": 0.7}),
    (multi_step(0.3, [1, 5, 30], 0.3), "MultiStepLR", {"milestones": [1, 5, 30], "gamma": 0.3}),
    (exponential(0.3, 0.93), "ExponentialLR", {"gamma": 0.93}),
    (polynomial(0.3, 20), "PolynomialLR", {"total_iters": 20}),
    (polynomial(0.3, 60, power=2.5), "PolynomialLR", {"total_iters": 60, "power": 2.5}),
    (cosine(0.3, UPDATES, 0.01), "CosineAnnealingLR", {"T_max": UPDATES, "eta_min": 0.01}),
    (cosine_restarts(0.3, 7, final=0.01), "CosineAnnealingWarmRestarts", {"T_0": 7, "eta_min": 0.01}),
    (cosine_restarts(0.3, 5, 2), "CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 2}),
    (cosine_restarts(0.3, 1, 3), "CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3}),
    (one_cycle(0.3, UPDATES), "OneCycleLR", {"max_lr": 0.3, "total_steps": UPDATES}),
    (one_cycle(0.3, UPDATES, 0.0), "OneCycleLR", {"max_lr": 0.3, "total_steps": UPDATES, "pct_start": 0.0}),
    (one_cycle(0.3, UPDATES, 0.01), "OneCycleLR", {"max_lr": 0.3, "total_steps": UPDATES, "pct_start": 0.01}),
    (
        one_cycle(0.3, UPDATES, 0.45, 10, 50),
        "OneCycleLR",
        {"max_lr": 0.3, "total_steps": UPDATES, "pct_start": 0.45, "div_factor": 10, "final_div_factor": 50},
    ),
]


@pytest.mark.parametrize(("schedule", "name", "options"), PEERS)
def test_rates_are_those_of_torch(schedule, name, options):
    torch = pytest.importorskip("torch", reason="rates are compared with those of torch.optim.lr_scheduler")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
    for update in range(UPDATES):
        assert schedule(update) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12, abs=1e-14)
        optimizer.step()
        if update < UPDATES - 1:
            scheduler.step()
