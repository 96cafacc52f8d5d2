"""What the benchmarks compare is comparable, and nothing is left out."""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from op_names import all_names, name_of

from fusegrad import layers

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
    timed = {name_of(case.op) for case in suite("bench_ops")["CASES"].values()}
    assert all_names() - timed == set()


def test_every_layer_is_timed(suite):
    assert set(suite("bench_layers")["LAYERS"]) == set(layers.__all__)


class ByHand:
    """A peer that is always there."""

    def __init__(self, perceptron):
        self.perceptron = perceptron

    def network(self, activation, weights, biases, x, labels):
        network = self.perceptron(weights, biases, len(x))
        return lambda: float(network.step(x, labels))

    def update(self, gradient):
        network = self.perceptron([gradient.reshape(1, -1)], [gradient[:1]])
        network.value[...] = 0
        network.grad[:-1] = gradient

        def update():
            network.update()
            return network.value

        return update


class Absent:
    """A peer that is never there."""

    def start(self, *data):
        raise ModuleNotFoundError("No module named 'absent'")

    network = update = start


def test_peers_are_timed_beside_ours(suite):
    peers, rows, steps = suite("peers"), suite("peer_rows"), suite("peer_steps")
    perceptron = suite("by_hand")["Perceptron"]
    work = [rows["Network"]((5, 4, 3), 6, "relu"), rows["Update"](1000)]
    against = {"by hand": ByHand(perceptron), "absent": Absent()}
    out = io.StringIO()
    records = peers["run"](work, steps["OURS"], against, 1, out)
    header, *lines = (line for line in out.getvalue().splitlines() if "not comparable" not in line)
    assert header.split("microseconds")[1].split() == ["by", "hand", "absent", "fastest", "peer"]
    assert [line[:36].strip() for line in lines[::2]][:2] == ["5-4-3 x 6 relu", "adam 1,000"]
    assert lines[-1] == "- absent: No module named 'absent'"
    assert [record["fastest"] for record in records] == ["by hand", "by hand"]
    for record in records:
        assert all(times[0] > 0 for times in record["microseconds"].values())
        for ours, ratios in record["ratios"].items():
            expected = record["microseconds"]["by hand"][0] / record["microseconds"][ours][0]
            assert ratios == {"by hand": pytest.approx([expected] * 3)}


@pytest.mark.parametrize("others, warned", [(None, False), (0.05, False), (0.8, True)])
def test_peers_say_when_the_machine_was_shared(suite, monkeypatch, others, warned):
    peers = suite("peers")
    import peer_times

    times = peer_times.Times({"fusegrad": [1.0], "peer": [2.0]}, {"fusegrad": 1, "peer": 1}, {}, others)
    monkeypatch.setattr(peer_times, "compare", lambda *arguments: times)
    out = io.StringIO()
    [record] = peers["run"](["a row"], {"fusegrad": None}, {"peer": None}, 1, out)
    assert ("not comparable: other processes kept 0.8 cores" in out.getvalue()) == warned
    assert record["others"] == others


@pytest.mark.parametrize("wrong", ["loss", "update"])
def test_peers_that_compute_something_else_are_found(suite, wrong):
    peers, rows, steps = suite("peers"), suite("peer_rows"), suite("peer_steps")

    class Wrong(ByHand):
        def network(self, activation, weights, biases, x, labels):
            step = super().network(activation, weights, biases, x, labels)
            return lambda: step() * (1 + 5e-6)  # as far off as GELU by tanh is from GELU by erf

        def update(self, gradient):
            return super().update(-gradient)

    row = {"loss": rows["Network"]((5, 4, 3), 6, "relu"), "update": rows["Update"](1000)}[wrong]
    ours = {"fusegrad numpy": steps["OURS"]["fusegrad numpy"]}
    with pytest.raises(ValueError, match=r"fusegrad numpy gives .*, wrong"):
        peers["run"]([row], ours, {"wrong": Wrong(suite("by_hand")["Perceptron"])}, 1, io.StringIO())


def test_peers_run_where_no_peer_is_installed(tmp_path):
    for name in ("torch", "jax"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{name}'\")")
    words = [
        "--threads",
        "1",
        "--repeats",
        "1",
        "--rows",
        "^64-64-64-10 x 32 relu",
        "--json",
        str(tmp_path / "times.json"),
    ]
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    result = subprocess.run(
        [sys.executable, str(BENCHMARKS / "peers.py"), *words],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "- jax jit: No module named 'jax'" in result.stdout
    [row] = json.loads((tmp_path / "times.json").read_text())["rows"]
    assert "fusegrad numpy" in row["microseconds"] and row["fastest"] is None
