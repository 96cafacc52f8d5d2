"""The measurement of memory runs, and the networks that it builds are those of the papers."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import fusegrad as fg

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark_files(monkeypatch):
    """Makes the files of benchmarks importable."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == BENCHMARKS:
            del sys.modules[name]


@pytest.mark.usefixtures("benchmark_files")
@pytest.mark.parametrize("name, parameters", [("lenet", 61_706), ("resnet20", 272_474)])
def test_image_networks_have_their_parameters_and_train(name, parameters):
    import memory

    build, sample = memory.builder(name)
    program = memory.program_of(build, 2, sample)
    learnt = [param for param in program.arena.params.values() if param.trainable]
    assert sum(int(np.prod(param.shape)) for param in learnt) == parameters
    batch = memory.batch_of(2, sample)
    losses = [float(program.step(*batch)) for _ in range(10)]
    assert losses[-1] < losses[0]


@pytest.mark.usefixtures("benchmark_files")
def test_plan_and_measurement_agree_for_a_network_of_plain_layers():
    import memory

    row = {"network": "perceptron", "batch": 64, "torch": None}
    for measure in memory.MEASURES:
        row |= memory.child("memory.py", "perceptron", "--batch", "64", "--measure", measure)
    plan = row["block"] + row["arena"]
    assert 0.9 * plan < row["arrays"] < 2 * plan
    if sys.platform.startswith("linux"):
        assert 0.9 * plan < row["process"] < 2 * plan
    out = io.StringIO()
    memory.shown(row, out)
    assert f"planned  {plan / 1e6:8.2f}" in out.getvalue()
    assert "torch     is not installed" in out.getvalue()


@pytest.mark.usefixtures("benchmark_files")
def test_planned_bytes_are_those_of_the_arrays():
    import memory

    program = memory.trained(lambda: fg.Sequential(fg.layers.Linear(10)), 2, (5,))
    planned = memory.planned(program)
    assert planned["block"] == program.nbytes
    slots = len(program.optimizer_state.slots)
    assert planned["arena"] == program.arena.value.nbytes * (2 + slots) + program.arena.state.nbytes
    assert json.loads(json.dumps(planned)) == planned
