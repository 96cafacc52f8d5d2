"""LeNet on real digits, where their files are: beside the repository, or in the folder that FUSEGRAD_MNIST names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusegrad.cli import app

BESIDE = Path(__file__).parents[3] / "shared" / "data"
FOLDER = Path(os.environ.get("FUSEGRAD_MNIST") or BESIDE)


def test_lenet_learns_mnist_within_two_epochs(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra demo)")
    if not list(FOLDER.glob("*t10k-images-idx3-ubyte*")):
        pytest.skip("the files of MNIST are not there: FUSEGRAD_MNIST names their folder")
    words = ["train", "mnist", "--data", str(FOLDER), "--epochs", "2", "--json", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["test_accuracy"] >= 0.95
