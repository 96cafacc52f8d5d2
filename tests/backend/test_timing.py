"""Times of launches, with a clock that tests pretend."""

from __future__ import annotations

from typing import Any

import pytest

from fusegrad.backend import timing
from fusegrad.backend.emulated import EmulatedBackend


@pytest.fixture
def emulated() -> EmulatedBackend:
    return EmulatedBackend("check")


def test_runs_take_turns_and_their_median_counts(emulated, monkeypatch):
    """Of times that are told for one call first, and then for all calls of a round."""
    rounds = [7, 1, 2, 9, 4, 8, 3]
    told = iter([0.5, 0.25, 0.25 * timing.HOPELESS + 0.01, *(time for n in rounds for time in (2 * n, 8 * n))])
    calls: list[str] = []

    def elapsed(cuda: Any, launch: Any) -> float:
        launch()
        return next(told)

    monkeypatch.setattr(timing, "elapsed", elapsed)
    monkeypatch.setattr(timing, "repeated", lambda cuda, run, count: lambda: calls.append(f"{run}{count}"))
    times = timing.milliseconds(emulated.xp.cuda, {"slow": "s", "fast": "f", "hopeless": "h"})
    assert times == {"slow": 2 * 4 / 2, "fast": 8 * 4 / 4, "hopeless": 0.25 * timing.HOPELESS + 0.01}
    assert calls == ["s1", "f1", "h1"] * 2 + ["s2", "f4"] * timing.ROUNDS
    assert next(told, None) is None


def test_short_runs_are_repeated_up_to_a_limit():
    assert [timing.calls_for(time) for time in (0.0, 1e-6, 0.1, 5.0)] == [timing.MOST_CALLS, timing.MOST_CALLS, 10, 1]


def test_a_run_that_cannot_be_captured_leaves_the_device_in_order(emulated):
    array = emulated.zeros(3, "float32")
    with pytest.raises(RuntimeError, match="captur"):
        timing.repeated(emulated.xp.cuda, array.get, 1)
    with emulated.xp.cuda.Stream.null:  # on which nothing is allowed beside a capture
        assert array.get().sum() == 0
