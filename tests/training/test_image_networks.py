"""Networks for images: their steps on the emulated GPU, where the checker finds nothing, are those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import fusegrad as fg
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.cli.networks import Residual, convolved, lenet

STEPS, CLASSES = 2, 10


def small_resnet() -> fg.Sequential:
    """A ResNet of two blocks, one with a stride."""
    layers = fg.layers
    return fg.Sequential(
        *convolved(8, 3), layers.ReLU(), Residual(8, 1), Residual(16, 2), layers.GlobalAvgPool(), layers.Linear(CLASSES)
    )


NETWORKS = {"lenet": (lambda: lenet(CLASSES), (2, 1, 28, 28)), "resnet": (small_resnet, (3, 3, 9, 9))}


def trained(name: str, backend: fg.backend.Backend, monkeypatch, **options) -> tuple[list[float], np.ndarray]:
    """The losses of some steps, and the prediction behind them, by running statistics."""
    build, shape = NETWORKS[name]
    monkeypatch.setattr(fg.backend.selection, "_default", fg.backend.selection.Choice(backend, "test"))
    generator = np.random.default_rng(0)
    x, labels = generator.standard_normal(shape, np.float32), generator.integers(0, CLASSES, shape[0])
    trainer = fg.Trainer(build(), fg.losses.CrossEntropy(), fg.optimizers.SGD(0.01, momentum=0.9), **options)
    losses = [float(trainer.step(x, labels)) for _ in range(STEPS)]
    return losses, trainer.predict(x)


@pytest.mark.parametrize("name", NETWORKS)
def test_steps_under_the_checker_have_the_losses_of_the_cpu(name, monkeypatch):
    cpu = trained(name, fg.backend.resolve("cpu"), monkeypatch)
    emulated = trained(name, EmulatedBackend("check"), monkeypatch)
    np.testing.assert_allclose(emulated[0], cpu[0], rtol=1e-5)
    np.testing.assert_allclose(emulated[1], cpu[1], rtol=1e-3, atol=1e-4 * np.abs(cpu[1]).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_captured_steps_are_those_made_call_by_call(name, monkeypatch):
    eager, captured = (trained(name, EmulatedBackend("fast"), monkeypatch, capture=how) for how in (False, True))
    assert eager[0] == captured[0]
    np.testing.assert_array_equal(eager[1], captured[1])


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_steps_in_half_precision_are_close(precision, monkeypatch):
    exact = trained("resnet", fg.backend.resolve("cpu"), monkeypatch)[0]
    rounded = trained("resnet", EmulatedBackend("check"), monkeypatch, precision=precision)[0]
    np.testing.assert_allclose(rounded, exact, rtol=0.05)
