"""Every code block of the README runs, and every file that it names is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cuda_on_cpu

FOLDER = Path(cuda_on_cpu.__file__).parent
README = (FOLDER / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_code_block_runs_and_prints_what_it_says(block: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", block]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == re.findall(r"^ +print\(.*\)  # (.*)$", block, re.M)


@pytest.mark.parametrize("name", re.findall(r"`([\w/]+\.py|[\w_]+/)`", README))
def test_named_file_is_there(name: str) -> None:
    assert (FOLDER / name).exists()
