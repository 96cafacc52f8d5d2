"""Every code block and every command of the README and of CONTRIBUTING runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from mnist_files import put_mnist

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = README + (ROOT / "CONTRIBUTING.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGES, re.S)
COMMANDS = [line.strip() for line in re.findall(r"^    (\S.*)$", re.sub(r"```.*?```", "", README, flags=re.S), re.M)]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_code_block_runs(block: str, tmp_path: Path) -> None:
    run([sys.executable, "-W", "error", "-c", block], tmp_path)


@pytest.mark.parametrize("command", [c for c in COMMANDS if ".venv/bin/fusegrad" in c])
def test_command_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, _, rest = command.partition(".venv/bin/fusegrad ")
    for variable in variables.split():
        monkeypatch.setenv(*variable.split("=", 1))
    words = shlex.split(rest)
    if "--data" in words:
        folder = tmp_path / words[words.index("--data") + 1]
        folder.mkdir()
        put_mnist(folder)
    short = ["--epochs", "1"] if words[0] == "train" else []  # the last of two equal options counts
    run([sys.executable, "-m", "fusegrad", *words, *short], tmp_path)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(".venv/bin/python")])
def test_script_runs(command: str, tmp_path: Path) -> None:
    run([sys.executable, str(ROOT / shlex.split(command)[1])], tmp_path)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|    )make ([a-z]+)", PAGES))))
def test_make_target_exists(target: str) -> None:
    run(["make", "--dry-run", target], ROOT)


def test_every_other_command_is_of_a_kind_that_other_tests_cover() -> None:
    """Docker's are linted and compared with the Dockerfiles; pip's extras are compared with pyproject.toml below."""
    known = (".venv/bin/", "FUSEGRAD_", "make ", "docker ", "apt-get ", "python3 -m venv")
    assert [command for command in COMMANDS if not command.startswith(known)] == []


def test_extras_exist() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    for extra in re.findall(r"\.\[(\w+)\]", README):
        assert re.search(rf"^{extra} = \[", project, re.M), extra


def run(words: list[str], folder: Path) -> None:
    result = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
