"""An update allocates nothing that grows with the network."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from optimizers.leaves import leaf_program

from fusegrad import optimizers

SIZE = 1 << 20
LIMIT = 512 * 1024  # half a byte for each number
RULES = [
    optimizers.SGD(momentum=0.9),
    optimizers.AdamW(clip_norm=1.0),
    optimizers.NAdam(),
    optimizers.Lion(),
    optimizers.LAMB(),
]


@pytest.mark.parametrize("evaluator", ["numpy", "numba"])
@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_an_update_needs_no_memory(optimizer: Any, evaluator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if evaluator == "numba":
        pytest.importorskip("numba", reason="the evaluator numba is not installed (extra fast)")
    monkeypatch.setenv("FUSEGRAD_EVALUATOR", evaluator)
    program = leaf_program(optimizer, np.ones(SIZE), "float32")
    program.step(np.ones(SIZE, "float32"))  # compiles, and takes the scratch that every thread has
    program.forward(np.ones(SIZE, "float32"))
    program.backward()
    tracemalloc.start()
    try:
        program.update()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < LIMIT
