"""The wheel contains every package of the library, the kernels and the marker of inline types."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
INPUTS = ("pyproject.toml", "README.md", "LICENSE", "src", "kernels")


def packages_on_disk() -> set[str]:
    """Dotted names of all folders that hold Python files, and of kernels/."""
    folders = {file.parent.relative_to(SOURCE) for file in SOURCE.rglob("*.py")}
    return {".".join(folder.parts) for folder in folders} | {"fusegrad.kernels"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """Names in a wheel built from a copy, so that no build folder appears in the repository; needs no network."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("out")
    clutter = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in INPUTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=clutter)
        else:
            shutil.copy(source, copy)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = out.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def test_pyproject_lists_the_packages_on_disk():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = pyproject["tool"]["setuptools"]["packages"]
    assert listed == sorted(packages_on_disk())


def test_the_wheel_contains_every_python_file(wheel):
    library = {file.relative_to(SOURCE).as_posix() for file in SOURCE.rglob("*.py")}
    assert {name for name in wheel if name.endswith(".py")} == library | {"fusegrad/kernels/__init__.py"}


def test_the_wheel_contains_types_marker_and_kernels(wheel):
    kernels = {f"fusegrad/kernels/{file.name}" for file in (ROOT / "kernels").glob("*.cu*")}
    assert kernels | {"fusegrad/py.typed", "fusegrad/kernels/__init__.py"} <= wheel


def test_the_wheel_contains_the_runtime_of_the_emulator(wheel):
    include = SOURCE / "cuda_on_cpu" / "include"
    files = {file.relative_to(SOURCE).as_posix() for file in include.rglob("*") if file.is_file()}
    assert files | {"cuda_on_cpu/README.md"} <= wheel


def test_the_command_is_installed_with_the_wheel(wheel):
    assert any(name.endswith(".dist-info/entry_points.txt") for name in wheel)
