"""`make gpu`, rehearsed on the emulated GPU; and what it does when an item takes its process along, or hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from checks import Case, largest_error

from fusegrad.backend import resolve
from fusegrad.ops import elementwise

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu

    return gpu


def test_it_needs_no_installation_and_writes_what_it_finds(tmp_path):
    environment = os.environ | {"FUSEGRAD_BACKEND": "emulated", "TMPDIR": str(tmp_path)}
    sections = "machine", "primitives", "training", "capture", "gemm", "fusegrad-captured"
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), *sections]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (file,) = tmp_path.glob("a-cpu-that-stands-in-*.json")
    found = json.loads(file.read_text())
    assert found["machine"][0]["backend"] == "emulated"
    assert found["primitives"][0]["checked"] > 10
    assert found["training"][0]["error"] < 2e-6
    assert all(item["equal"] for item in found["capture"])
    assert all(item["us"] for item in found["gemm"])
    assert len(found["ratios"]) == len(found["fusegrad-captured"]) > 5
    met = {target["target"]: target["met"] for target in found["targets"]}
    assert met["captured steps have the bits of eager ones"] == "yes"
    assert met["all cases of all ops are right"] == "not measured"


def planted(gpu: ModuleType, folder: Path, monkeypatch, body: str) -> list[dict]:
    """What a child with this treatment of item 1 of 3 leads to."""
    child = folder / "child.py"
    child.write_text(f"""
import json, os, sys, time
for number in range(int(sys.argv[2]), 3):
    if number == 1:
        {body}
    print(json.dumps({{"name": f"item {{number}}"}}), flush=True)
""")
    monkeypatch.setattr(gpu, "CHILD", child)
    return list(gpu.items("speed", time.monotonic() + 60))


def test_after_an_item_that_kills_its_process_the_next_one_runs(gpu, tmp_path, monkeypatch):
    first, second, third = planted(gpu, tmp_path, monkeypatch, "sys.exit('an illegal address')")
    assert (first["name"], third["name"]) == ("item 0", "item 2")
    assert "an illegal address" in second["failed"]


def test_an_item_that_hangs_is_given_up(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "PATIENCE", 4.0)
    first, second, third = planted(gpu, tmp_path, monkeypatch, "time.sleep(100)")
    assert (first["name"], third["name"]) == ("item 0", "item 2")
    assert "failed" in second


def test_when_the_time_is_over_it_says_so(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "CHILD", tmp_path / "missing.py")
    (only,) = gpu.items("speed", time.monotonic() - 1)
    assert only == {"name": "after 0 items", "failed": "no time was left"}


def test_items_that_were_found_at_once_are_all_kept(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "PATIENCE", 4.0)
    two = r"""os.write(1, b'{"name": "item 1"}\n{"name": "item 2"}\n'); time.sleep(100)"""
    found = planted(gpu, tmp_path, monkeypatch, two)
    assert [item["name"] for item in found] == [f"item {number}" for number in range(4)]
    assert ["failed" in item for item in found] == [False, False, False, True]


def test_without_a_gpu_it_says_so_in_one_line_and_writes_nothing(gpu, monkeypatch, capsys):
    monkeypatch.setenv("FUSEGRAD_BACKEND", "cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    before = sorted((BENCHMARKS / "results").iterdir())
    assert gpu.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no kernel can run here: ")
    assert sorted((BENCHMARKS / "results").iterdir()) == before


def test_a_gpu_that_does_not_answer_is_not_waited_for(gpu, tmp_path, monkeypatch, capsys):
    child = tmp_path / "child.py"
    child.write_text("import time; time.sleep(100)")
    monkeypatch.setattr(gpu, "CHILD", child)
    monkeypatch.setattr(gpu, "PATIENCE", 1.0)
    assert gpu.main() == 1
    assert capsys.readouterr().err == "no kernel can run here: no answer within 1 seconds\n"


@pytest.mark.parametrize(("written", "error"), [(0.0, 0.0), (1e-9, np.inf), (np.nan, np.inf)])
def test_where_zeros_are_expected_only_zeros_are_right(written, error):
    case = Case("zeros", {"x": (3,), "number": 0.0})
    assert largest_error(lambda x, number: x.fill(written), elementwise.fill, case, resolve("cpu")) == error


def test_sections_run_in_their_order_and_checks_at_the_same_time(gpu):
    plan = gpu.plan
    assert plan.sections_of(["peers", "machine"]) == ["machine", *plan.PEERS]
    assert plan.together(["machine", "parity", "training", "gemm"]) == [["machine"], ["parity", "training"], ["gemm"]]
    assert plan.sections_of([]) == list(plan.SECTIONS)
    with pytest.raises(SystemExit, match="unknown: speeed"):
        plan.sections_of(["speeed"])


def test_a_section_run_alone_has_all_the_time(gpu):
    assert gpu.plan.ends_of(["gemm"]) == {"gemm": 1.0}
    ends = list(gpu.plan.ends_of(list(gpu.plan.SECTIONS)).values())
    assert ends == sorted(ends) and ends[0] < 1 == ends[-1]


def test_what_is_run_again_replaces_what_was_found_before(gpu, tmp_path, capsys):
    for sections, error in ((["training", "gemm"], 0.5), (["gemm"], 0.25)):
        results = gpu.Results(tmp_path, "A Device", sections)
        for section in sections:
            results.add(section, {"name": "item", "error": error})
    (file,) = tmp_path.glob("a-device-*.json")
    found = json.loads(file.read_text())
    assert [[item["error"] for item in found[name]] for name in ("training", "gemm")] == [[0.5], [0.25]]


@pytest.mark.parametrize(("compiled", "met"), [(121.0, "yes"), (119.0, "no"), (None, "not measured")])
def test_targets_are_met_or_not_or_not_measured(gpu, compiled, met):
    row = str(gpu.summary.LAUNCH_BOUND)
    found = {"fusegrad-captured": [{"name": row, "us": 40.0}], "fusegrad-eager": [{"name": row, "us": 90.0}]}
    if compiled:
        found["torch-reduce-overhead"] = [{"name": row, "us": compiled}]
    verdicts = {target["target"]: target["met"] for target in gpu.summary.targets(found)}
    assert verdicts[f"{row}: at most 1/3 of the time of torch.compile"] == met
    assert gpu.summary.ratios(found)[0]["us"] == 40.0


def test_libraries_that_compute_different_losses_are_found(gpu):
    row = str(gpu.summary.LAUNCH_BOUND)
    found = {"fusegrad-eager": [{"name": row, "us": 1.0, "losses": [2.5]}]}
    for loss, met in ((2.5, "yes"), (2.51, "no")):
        found["jax-jit"] = [{"name": row, "us": 1.0, "losses": [loss]}]
        verdicts = {target["target"]: target["met"] for target in gpu.summary.targets(found)}
        assert verdicts["all libraries compute the same first loss"] == met


@pytest.mark.parametrize(("package", "file", "variant"), [("torch", "torch", "compile"), ("jax", "jax", "scan")])
def test_a_peer_that_is_not_installed_says_so(tmp_path, package, file, variant):
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{package}'\")")
    [line] = lines_of(file, variant, tmp_path)
    assert json.loads(line)["missing"] == f"No module named '{package}'"


@pytest.mark.parametrize("file", ["torch", "jax"])
def test_a_peer_computes_the_same_losses(file, tmp_path, gpu):
    pytest.importorskip(file, reason=f"{file} is not installed (extra peers)")
    pytest.importorskip("optax", reason="optax is not installed (extra peers)")
    from by_hand import Perceptron
    from workloads import LAUNCH_BOUND, shrunk

    work = shrunk(LAUNCH_BOUND)
    by_hand, batch = Perceptron(*work.initial(), batch=work.batch), work.data()
    found = [json.loads(line) for line in lines_of(file, {"torch": "eager", "jax": "jit"}[file], tmp_path)]
    assert [item for item in found if "failed" in item or "missing" in item] == []
    losses = {item["name"]: item["losses"] for item in found if "losses" in item}
    assert losses[str(LAUNCH_BOUND)] == pytest.approx([by_hand.step(*batch) for _ in range(3)], 2e-6)


def lines_of(file: str, variant: str, first_on_path: Path) -> list[str]:
    """What a script of a peer prints, without a GPU."""
    path = os.pathsep.join([str(first_on_path), *filter(None, sys.path)])
    hidden = {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, str(BENCHMARKS / f"peers_gpu_{file}.py"), variant, "0"]
    return subprocess.run(
        command, env=os.environ | hidden, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_a_section_in_which_every_process_dies_is_given_up(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "CHILD", tmp_path / "missing.py")
    found = list(gpu.items("speed", time.monotonic() + 60))
    assert len(found) == gpu.MOST_LOST + 1
    assert found[-1]["failed"] == "5 processes in turn found nothing"
