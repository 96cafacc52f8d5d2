"""What the libraries are compared on: training steps, and the update of Adam alone.

Parameters, batches and gradients are drawn anew for every contestant and are the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from by_hand import batch_of, initial

import fusegrad as fg
from fusegrad.cli import networks

LR, CLASSES = 1e-3, 10


class Missing(Exception):
    """Why a contestant does not take part in a row."""


@dataclass(frozen=True)
class Network:
    """A training step: forward, softmax cross-entropy, backward, Adam."""

    widths: tuple[int, ...]
    batch: int
    activation: str  # "relu", or "gelu" with erf
    tolerance: ClassVar[float] = 2e-6  # first losses differ by up to 2e-7; GELU by tanh instead of erf makes 5e-6
    later: ClassVar[float] = 1e-4  # of the losses after that

    def __str__(self):
        return f"{'-'.join(map(str, self.widths))} x {self.batch} {self.activation}"

    def start(self, contestant):
        return contestant.network(self.activation, *initial(self.widths), *batch_of(self.widths, self.batch))


@dataclass(frozen=True)
class Images:
    """A training step of a convolutional network on images of 28 x 28, as `Network` has it."""

    name: str
    batch: int
    tolerance: ClassVar[float] = 2e-5
    later: ClassVar[float] = 5e-3  # the first updates of Adam go by signs, also of gradients that are all but 0

    def __str__(self):
        return f"{self.name} x {self.batch}"

    def start(self, contestant):
        generator = np.random.default_rng(1)
        x = generator.standard_normal((self.batch, 1, 28, 28), np.float32)
        return contestant.images(self.name, first_parameters(self.name), x, generator.integers(0, CLASSES, self.batch))


def first_parameters(name):
    """What is trained of one of `fusegrad.cli.networks`, in its order, as NumPy arrays."""
    model = getattr(networks, name)(CLASSES)
    model(fg.Input((2, 1, 28, 28)))
    arena = fg.ParamArena(model, backend="cpu")
    return [arena.state_dict()[path] for path, param in model.named_params() if param.trainable]


@dataclass(frozen=True)
class Update:
    """An update by Adam of `size` parameters in one array, always from the same gradient."""

    size: int
    tolerance: ClassVar[float] = 1e-4  # libraries round the numbers of an update differently, by up to 2e-5
    later: ClassVar[float] = 1e-4

    def __str__(self):
        return f"adam {self.size:,}"

    def start(self, contestant):
        return contestant.update(np.random.default_rng(0).standard_normal(self.size, np.float32))


SIZES = [
    ((784, 512, 512, 10), 256),
    ((784, 512, 512, 10), 64),
    ((64, 64, 64, 10), 32),
    ((1024, 2048, 2048, 1000), 128),
    ((13, 64, 64, 2), 1024),
]
NETWORKS = [Network(*size, activation) for activation in ("relu", "gelu") for size in SIZES]
UPDATES = [Update(size) for size in (100_000, 1_000_000, 10_000_000, 50_000_000)]
IMAGES = [Images(name, batch) for name in ("lenet", "resnet20") for batch in (64, 256)]
ROWS = [*NETWORKS, *IMAGES, *UPDATES]
