"""What the benchmarks compare is comparable, and nothing is left out."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fusegrad import layers, ops
from fusegrad.ops import Op

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def suite(monkeypatch):
    """Runs a file of benchmarks and returns what it defines."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield lambda name: runpy.run_path(str(BENCHMARKS / f"{name}.py"))
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == BENCHMARKS:
            del sys.modules[name]


def test_the_step_by_hand_and_the_engines_give_the_same_bits(suite):
    overhead = suite("overhead")
    engine, by_hand = overhead["pair"]()
    batch = overhead["batch_of"]()
    assert [float(engine(*batch)) for _ in range(50)] == [float(by_hand(*batch)) for _ in range(50)]


def test_every_op_is_timed(suite):
    holders = [item for item in vars(ops).values() if isinstance(item, ModuleType)]
    there = {item for holder in (ops, *holders) for item in vars(holder).values() if isinstance(item, Op)}
    timed = {case.op for case in suite("bench_ops")["CASES"].values()}
    assert {op.__qualname__ for op in there - timed} == set()


def test_every_layer_is_timed(suite):
    assert set(suite("bench_layers")["LAYERS"]) == set(layers.__all__)
