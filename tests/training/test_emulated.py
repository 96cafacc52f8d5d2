"""Training on the emulated GPU: the losses and masks of the CPU, and nothing for the checker to report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import fusegrad as fg
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.cli import app
from fusegrad.training import fitting

CLOSE = 2e-6  # relative


@pytest.fixture
def losses(monkeypatch) -> list[float]:
    """The loss of every step of what is trained."""
    found: list[float] = []
    train = fitting.train

    def noted(*arguments):
        steps = train(*arguments)
        found.extend(map(float, steps.losses))
        return steps

    monkeypatch.setattr(fitting, "train", noted)
    return found


def figures(folder: Path, backend: str) -> dict:
    command = ["train", "digits", "--epochs", "1", "--json", "--backend", backend, "--out", str(folder / backend)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_epoch_of_digits_has_the_losses_of_the_cpu_at_every_step(tmp_path, losses):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra demo)")
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra demo)")
    found = {backend: (figures(tmp_path, backend), losses[:], losses.clear()) for backend in ("cpu", "emulated")}
    (cpu, cpu_losses, _), (emulated, emulated_losses, _) = found.values()
    assert len(cpu_losses) > 40
    np.testing.assert_allclose(emulated_losses, cpu_losses, rtol=CLOSE)
    assert emulated["backend"] == "emulated"
    assert emulated["loss"] == pytest.approx(cpu["loss"], rel=CLOSE)


def everything() -> fg.Sequential:
    """Layers that keep their input, their output or nothing, fused and not, with random draws."""
    layers = fg.layers
    return fg.Sequential(
        layers.Linear(70, "gelu"),
        layers.Dropout(0.3),
        layers.Linear(33),
        layers.PReLU(),
        layers.Elementwise(lambda x: x * fg.expr.tanh(x)),
        layers.Linear(10, "relu"),
    )


def steps(backend: fg.backend.Backend, monkeypatch) -> tuple[list[float], np.ndarray]:
    """The losses of three steps, and the mask of the last."""
    monkeypatch.setattr(fg.backend.selection, "_default", fg.backend.selection.Choice(backend, "test"))
    generator = np.random.default_rng(0)
    x, target = generator.standard_normal((33, 20)).astype("float32"), generator.integers(0, 10, 33)
    model = everything()
    inputs, labels = fg.Input((33, 20)), fg.Input((33,), dtype="int64")
    dropped = model.layers[1](model.layers[0](inputs))
    outputs = dropped
    for layer in model.layers[2:]:
        outputs = layer(outputs)
    loss = fg.losses.CrossEntropy(label_smoothing=0.1)(outputs, labels)
    arena = fg.ParamArena(model, seed=0)
    program = fg.Program(
        [inputs, labels], loss, arena, optimizer=fg.optimizers.AdamW(1e-2, clip_norm=0.5), keep=[dropped]
    )
    found = [float(program.step(x, target)) for _ in range(3)]
    return found, backend.to_numpy(program.read(dropped)) == 0


def test_whole_steps_under_the_checker_report_nothing_and_drop_what_the_cpu_drops(monkeypatch):
    cpu, cpu_mask = steps(fg.backend.resolve("cpu"), monkeypatch)
    emulated, mask = steps(EmulatedBackend("check"), monkeypatch)
    np.testing.assert_allclose(emulated, cpu, rtol=CLOSE)
    np.testing.assert_array_equal(mask, cpu_mask)
    assert 0.2 < mask.mean() < 0.4


@pytest.mark.parametrize("name", [name for name in fg.optimizers.__all__ if name != "Optimizer"])
def test_every_optimizer_takes_the_steps_of_the_cpu_under_the_checker(name, monkeypatch):
    def values(backend: str) -> np.ndarray:
        generator = np.random.default_rng(0)
        x, y = (generator.standard_normal((8, width)).astype("float32") for width in (5, 3))
        model = fg.Sequential(fg.layers.Linear(7, "tanh"), fg.layers.Linear(3))
        trainer = fg.Trainer(model, fg.losses.MSE(), getattr(fg.optimizers, name)(1e-2), backend=backend)
        for _ in range(3):
            trainer.step(x, y)
        modes.append(getattr(trainer.arena.backend.xp, "mode", None))
        return np.concatenate([value.reshape(-1) for value in model.state_dict().values()])

    modes: list[str | None] = []
    monkeypatch.setenv("FUSEGRAD_EMULATOR", "check")
    expected, found = values("cpu"), values("emulated")
    assert modes == [None, "check"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
