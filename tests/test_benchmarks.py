"""What the benchmarks compare is comparable, and nothing is left out."""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from op_names import all_names, name_of

from fusegrad import layers
from fusegrad.backend import resolve
from fusegrad.graph import GraphError

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def suite(monkeypatch):
    """Runs a file of benchmarks and returns what it defines."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield lambda name: runpy.run_path(str(BENCHMARKS / f"{name}.py"))
    for name in set(sys.modules) - before:
        if BENCHMARKS in Path(getattr(sys.modules[name], "__file__", None) or "").parents:
            del sys.modules[name]


def test_the_step_by_hand_and_the_engines_give_the_same_bits(suite):
    overhead = suite("overhead")
    engine, by_hand = overhead["pair"]()
    batch = overhead["batch_of"]()
    assert [float(engine(*batch)) for _ in range(50)] == [float(by_hand(*batch)) for _ in range(50)]


def test_every_op_is_timed(suite):
    found = suite("bench_ops")
    assert all_names() - {name_of(case.op) for case in found["CASES"].values()} == set()
    assert len(found["CASES"]) == sum(len(theme.CASES) for theme in found["THEMES"])  # names are of one case each


def test_every_layer_is_timed(suite, monkeypatch):
    monkeypatch.setenv("FUSEGRAD_BENCH_SIZE", "small")
    timed = suite("bench_layers")
    assert set(timed["GIVEN"]) <= set(layers.__all__)
    failed = {name: why for name in layers.__all__ if (why := failure(timed, name))}
    assert failed == {}, "bench_layers.GIVEN is to say how these are made, and what they are given"


def failure(timed, name):
    """Why a layer cannot be made, or what is wrong with its gradients; None for one that is timed."""
    try:
        program, batch = timed["program_of"](name, resolve("cpu"))
    except (TypeError, GraphError) as error:
        return str(error)
    program.forward(*batch)
    program.backward()
    gradients = [program.arena.grad, *map(program.gradient, program.gradients_of)]
    whole = all(np.isfinite(gradient).all() for gradient in gradients)
    return None if whole and min(timed["costs"](program)) > 0 else "gradients are not finite, or nothing was computed"


def test_image_networks_start_from_the_parameters_of_the_library(suite):
    works, first_parameters = suite("image_workloads"), suite("peer_rows")["first_parameters"]
    for name in ("lenet", "resnet20"):
        values = works["ImageNetwork"](name, 2, (1, 28, 28)).first_values()
        assert [value.shape for value in values] == [value.shape for value in first_parameters(name)]


def test_resnet20_needs_the_products_of_its_paper(suite):
    resnet = suite("image_workloads")["RESNET"]
    # 40.8 million multiply-adds, as He et al. (2016) count for 20 layers but with shortcuts of 1 x 1
    assert resnet.forward_flops / resnet.batch == pytest.approx(2 * 40.8e6, rel=1e-3)


@pytest.mark.parametrize("name", ["LENET", "RESNET"])
def test_image_networks_compute_the_losses_of_pytorch(suite, name):
    torch = pytest.importorskip("torch", reason="torch is not installed (extra peers)")
    work = suite("image_workloads")[name].shrunk()
    from own_steps import batch_on, program_of
    from torch_training import Training

    training, program = Training(torch, work, capturable=False), program_of(work, "cpu")
    batch = batch_on(program, work)
    theirs, ours = ([float(step()) for _ in range(3)] for step in (training.step, lambda: program.step(*batch)))
    assert ours == pytest.approx(theirs, rel=2e-5)


@pytest.mark.parametrize("layout", ["forward", "input gradient", "weight gradient"])
def test_convolutions_are_those_of_pytorch(suite, monkeypatch, layout):
    torch = pytest.importorskip("torch", reason="torch is not installed (extra peers)")
    monkeypatch.setenv("FUSEGRAD_BACKEND", "emulated")
    work = suite("convolution_workloads")["Convolution"](layout, 2, 4, 8, 3, 5, "float32")
    from on_gpu import convolutions
    from torch_convolutions import convolution

    result = convolutions.arrays_of(work)
    with convolutions.device().using_stream():
        convolutions.bound(work, result)()
    ours = convolutions.device().to_numpy(list(result.values())[-1])
    theirs = next(array for array in as_tuple(convolution(torch, work)()) if array is not None)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-4)


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


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
