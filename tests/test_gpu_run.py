"""`make gpu`, rehearsed on the emulated GPU; and what it does when an item takes its process along, or hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu

    return gpu


def test_it_needs_no_installation_and_writes_what_it_finds(tmp_path):
    environment = os.environ | {"FUSEGRAD_BACKEND": "emulated", "TMPDIR": str(tmp_path)}
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "machine", "primitives", "training"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (file,) = tmp_path.glob("a-cpu-that-stands-in-*.json")
    found = json.loads(file.read_text())
    assert found["machine"][0]["backend"] == "emulated"
    assert found["primitives"][0]["checked"] > 10
    assert found["training"][0]["error"] < 2e-6


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


def test_a_section_in_which_every_process_dies_is_given_up(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "CHILD", tmp_path / "missing.py")
    found = list(gpu.items("speed", time.monotonic() + 60))
    assert len(found) == gpu.MOST_LOST + 1
    assert found[-1]["failed"] == "5 processes in turn found nothing"
