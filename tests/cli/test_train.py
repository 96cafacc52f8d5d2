"""The command line, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mnist_files import put_mnist
from safetensors import safe_open
from safetensors.numpy import load_file

import fusegrad as fg

SHORT = ["train", "digits", "--epochs", "8", "--batch-size", "64"]


def fusegrad(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fusegrad", *words]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | changes, timeout=300, check=False)


def train(folder: Path, *words: str) -> dict[str, Any]:
    result = fusegrad(*SHORT, "--json", "--out", str(folder), *words)
    assert result.returncode == 0, result.stderr
    figures: dict[str, Any] = json.loads(result.stdout)
    return figures


def losses(history: Any) -> list[float]:
    return [epoch["loss"] for epoch in (history["epochs"] if isinstance(history, dict) else history)]


def same_bits(one: Path, other: Path) -> bool:
    first, second = (load_file(folder / "checkpoint.safetensors") for folder in (one, other))
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("seed", range(5))
def test_digits_reach_their_accuracy(tmp_path: Path, seed: int) -> None:
    result = fusegrad("train", "digits", "--json", "--seed", str(seed), "--out", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["test_accuracy"] >= 0.97


def test_writes_checkpoint_history_and_picture(tmp_path: Path) -> None:
    figures = train(tmp_path)
    assert figures | {"backend": "cpu", "seed": 0, "dataset": "digits", "epochs": 8} == figures
    assert {"loss", "test_accuracy", "samples_per_s"} <= figures.keys()
    assert len(json.loads((tmp_path / "history.json").read_text())) > 0
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_same_seed_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", "3"), ("two", "3"), ("other", "4")):
        train(tmp_path / name, "--seed", seed)
    assert same_bits(tmp_path / "one", tmp_path / "two")
    assert not same_bits(tmp_path / "one", tmp_path / "other")


def test_killed_and_resumed_run_has_the_bits_of_an_uninterrupted_one(tmp_path: Path) -> None:
    train(tmp_path / "whole", "--epochs", "60")
    command = [sys.executable, "-m", "fusegrad", *SHORT, "--epochs", "60", "--json", "--out", str(tmp_path / "killed")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not (tmp_path / "killed" / "checkpoint.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    figures = train(tmp_path / "killed", "--epochs", "60", "--resume")
    assert figures["epochs"] == 60
    assert same_bits(tmp_path / "whole", tmp_path / "killed")
    histories = [json.loads((tmp_path / name / "history.json").read_text()) for name in ("whole", "killed")]
    assert losses(histories[0]) == losses(histories[1])


def test_a_resumed_run_keeps_its_options(tmp_path: Path) -> None:
    figures = train(tmp_path, "--seed", "3", "--lr", "0.002")
    again = fusegrad("train", "digits", "--json", "--resume", "--out", str(tmp_path))
    assert json.loads(again.stdout)["test_loss"] == figures["test_loss"]
    for option, value in (("--seed", "4"), ("--lr", "0.001"), ("--epochs", "9"), ("--optimizer", "sgd")):
        result = fusegrad("train", "digits", "--resume", "--out", str(tmp_path), option, value)
        assert result.returncode == 1
        assert f"--resume expects {option[2:]}" in result.stderr
        assert result.stderr.count("\n") == 1


def test_options_do_what_they_say(tmp_path: Path) -> None:
    words = ["--optimizer", "sgd", "--lr", "0.05", "--batch-size", "100", "--epochs", "2", "--backend", "cpu"]
    figures = train(tmp_path, *words)
    assert figures | {"optimizer": "sgd", "lr": 0.05, "batch_size": 100, "epochs": 2, "backend": "cpu"} == figures
    with safe_open(tmp_path / "checkpoint.safetensors", "numpy") as file:
        facts, names = file.metadata(), list(file.keys())
    assert (facts["optimizer"], facts["updates"]) == ('"SGD"', "28")  # 1,347 samples: 14 batches of 100, twice
    assert any(name.startswith("slot/velocity/") for name in names)


def test_precision_and_skipped_steps_are_told(tmp_path: Path) -> None:
    words = ["--epochs", "1", "--batch-size", "512", "--backend", "emulated", "--precision", "float16"]
    figures = train(tmp_path, *words)
    assert figures | {"precision": "float16", "skipped_steps": 0, "backend": "emulated"} == figures
    assert json.loads((tmp_path / "history.json").read_text())[0]["skipped_steps"] == 0


def test_a_run_from_before_there_were_precisions_and_models_is_gone_on_with(tmp_path: Path) -> None:
    first = train(tmp_path)
    options = json.loads((tmp_path / "options.json").read_text())
    assert (options.pop("precision"), options.pop("model")) == ("float32", "mlp")
    (tmp_path / "options.json").write_text(json.dumps(options))
    again = train(tmp_path, "--resume")
    assert again["precision"] == "float32" and again["test_loss"] == first["test_loss"]
    result = fusegrad(*SHORT, "--out", str(tmp_path), "--resume", "--precision", "tf32")
    assert "--resume expects precision float32, with which the run began, got tf32" in result.stderr


def test_data_on_the_device_gives_the_same_bits(tmp_path: Path) -> None:
    train(tmp_path / "fed")
    train(tmp_path / "resident", "--resident", "--steps-per-execution", "4")
    assert same_bits(tmp_path / "fed", tmp_path / "resident")


@pytest.mark.parametrize(
    ("words", "changes", "message"),
    [
        (["train", "iris", "--steps-per-execution", "2"], {}, "--steps-per-execution 2 expects --resident"),
        (["train", "digits", "--backend", "gpu"], {}, 'unknown backend "gpu"'),
        (["train", "digits", "--resume"], {}, "--resume expects --out"),
        (["train", "iris", "--optimizer", "sgd", "--lr", "1e9", "--epochs", "2"], {}, "choose a lower --lr"),
        (["train", "digits"], {"FUSEGRAD_BACKEND": "cpus"}, 'perhaps you meant "cpu"'),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    tmp_path: Path, words: list[str], changes: dict[str, str], message: str
) -> None:
    out = [] if "--resume" in words else ["--out", str(tmp_path)]
    result = fusegrad(*words, *out, **changes)
    assert result.returncode == 1
    assert message in result.stderr.splitlines()[-1]


def test_a_finished_run_is_not_overwritten(tmp_path: Path) -> None:
    train(tmp_path)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    result = fusegrad(*SHORT, "--out", str(tmp_path))
    assert result.returncode == 1
    assert "holds a run already: go on with it by --resume" in result.stderr
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_missing_extra_says_what_to_install(tmp_path: Path) -> None:
    """scikit-learn is hidden by a module of the same name that fails as a missing one does."""
    (tmp_path / "sklearn.py").write_text("raise ModuleNotFoundError(\"No module named 'sklearn'\", name='sklearn')")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = fusegrad("train", "digits", "--out", str(tmp_path / "run"), PYTHONPATH=paths)
    assert result.returncode == 1
    assert 'pip install "fusegrad[demo]"' in result.stderr
    assert result.stderr.count("\n") == 1


def test_regression_and_other_optimizers(tmp_path: Path) -> None:
    words = ["train", "diabetes", "--json", "--optimizer", "sgd", "--lr", "0.01", "--out", str(tmp_path)]
    result = fusegrad(*words)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["test_r2"] > 0.3


def test_doctor_names_the_backend() -> None:
    report = json.loads(fusegrad("doctor", "--json", FUSEGRAD_BACKEND="cpu").stdout)
    assert report["backend"] == "cpu"
    assert "FUSEGRAD_BACKEND" in report["why"]
    assert "BLAS" in fusegrad("doctor").stdout


def test_version() -> None:
    assert fusegrad("--version").stdout.strip() == fg.__version__


@pytest.mark.parametrize("model", ["lenet", "resnet20"])
def test_networks_for_images_train_on_mnist_files(tmp_path: Path, model: str) -> None:
    put_mnist(tmp_path)
    words = ["train", "mnist", "--data", str(tmp_path), "--model", model, "--epochs", "1", "--json"]
    result = fusegrad(*words, "--out", str(tmp_path / "run"))
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert (figures["model"], figures["epochs"]) == (model, 1)


def test_a_resumed_run_keeps_its_model(tmp_path: Path) -> None:
    put_mnist(tmp_path)
    words = ["train", "mnist", "--data", str(tmp_path), "--json", "--out", str(tmp_path / "run")]
    first = fusegrad(*words, "--model", "mlp", "--epochs", "1")
    again = fusegrad(*words, "--resume")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    figures, same = json.loads(first.stdout), json.loads(again.stdout)
    assert (same["model"], same["loss"]) == ("mlp", figures["loss"])


def test_lenet_learns_digits(tmp_path: Path) -> None:
    result = fusegrad("train", "digits", "--model", "lenet", "--json", "--out", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["test_accuracy"] >= 0.97


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mnist"], "mnist expects --data with the folder of its IDX files, got None"),
        (["digits", "--data", "."], "digits expects no --data, got ."),
        (["iris", "--model", "lenet"], "iris expects --model mlp, got lenet"),
        (["mnist", "--data", "."], "expects t10k-images-idx3-ubyte or the same with .gz, got neither"),
    ],
)
def test_data_and_models_that_do_not_go_together_are_named(tmp_path: Path, words: list[str], message: str) -> None:
    result = fusegrad("train", *words, "--out", str(tmp_path / "run"))
    assert result.returncode != 0
    assert message in result.stderr
    assert not (tmp_path / "run").exists()
