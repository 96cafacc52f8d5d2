"""Small networks and data that the tests of training share."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad import layers, losses, optimizers
from fusegrad.graph import Model, Value
from fusegrad.training import Trainer


def blobs(rows: int = 70, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes of points in 5 dimensions."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, rows)
    centres = np.random.default_rng(1).normal(size=(3, 5)) * 2
    return (centres[y] + generator.normal(size=(rows, 5))).astype("float32"), y


def classifier(
    seed: int = 0, optimizer: Any = None, metrics: Any = ("accuracy",), backend: str = "cpu", **options: Any
) -> Trainer:
    network = layers.Sequential(layers.Linear(16), layers.ReLU(), layers.Dropout(0.2), layers.Linear(3))
    optimizer = optimizer or optimizers.AdamW(0.01)
    return Trainer(network, losses.CrossEntropy(), optimizer, metrics=metrics, seed=seed, backend=backend, **options)


def linear(lr: float = 0.1, **options: Any) -> Trainer:
    """One layer without dropout, trained by plain gradient descent, of which a step is easy to work out."""
    return Trainer(layers.Linear(3), losses.CrossEntropy(), optimizers.SGD(lr), backend="cpu", **options)


class TwoHeads(Model):
    """Inputs `image` and `scale`, outputs `kind` (logits) and `size`."""

    def __init__(self) -> None:
        self.body, self.kind, self.size = layers.Linear(8), layers.Linear(3), layers.Linear(1)

    def call(self, image: Value, scale: Value) -> dict[str, Value]:
        hidden = layers.ReLU()(self.body(image) * scale)
        return {"kind": self.kind(hidden), "size": self.size(hidden)}


class Pair(Model):
    """Two outputs in a tuple."""

    def __init__(self) -> None:
        self.kind, self.size = layers.Linear(3), layers.Linear(1)

    def call(self, x: Value) -> tuple[Value, Value]:
        return self.kind(x), self.size(x)


def figures(trainer: Trainer) -> list[dict[str, float]]:
    """The history without what the clock says."""
    clock = ("seconds", "samples_per_s")
    return [{name: figure for name, figure in epoch.items() if name not in clock} for epoch in trainer.history.epochs]


def everything(trainer: Trainer) -> dict[str, bytes]:
    """The bits of parameters, optimizer state and counters."""
    arena = trainer.arena
    saved = arena.optimizer_states[trainer.optimizer].saved()
    arrays = arena.state_dict() | saved.slots
    if arena.half is not None:
        arrays["half"] = arena.backend.to_numpy(arena.half)
    counters = {"count": saved.count, "step": int(arena.step), "seed": int(arena.seed)}
    if arena.scaling is not None:
        counters["scaling"] = arena.scaling.saved()
    return {name: array.tobytes() for name, array in arrays.items()} | {n: str(c).encode() for n, c in counters.items()}
