"""Convolutional networks that are timed on a GPU: what all libraries share.

As in `workloads`, only NumPy is needed here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import numpy as np
from workloads import normal_numbers

CLASSES = 10


@dataclass(frozen=True)
class Layer:
    """A convolution by kernel x kernel at `places` of an image, or with `kernel` 0 a linear layer; and its parameters.

    It has a bias, or where it is normalised two numbers for each channel instead.
    """

    inputs: int
    outputs: int
    kernel: int
    places: int
    normalised: bool = False

    @property
    def weight(self):
        return (self.outputs, self.inputs, *(self.kernel,) * 2) if self.kernel else (self.outputs, self.inputs)

    @property
    def flops(self):
        """Of one product for one sample."""
        return 2 * prod(self.weight) * self.places

    def initial(self, generator):
        """Weights after He, scales of 1 and shifts of 0."""
        spread = np.float32(np.sqrt(2 / prod(self.weight[1:])))
        yield generator.standard_normal(self.weight, np.float32) * spread
        if self.normalised:
            yield np.ones(self.outputs, np.float32)
        yield np.zeros(self.outputs, np.float32)


def lenet(inputs, side, blocks):
    """LeNet-5, in the order of its parameters."""
    yield Layer(inputs, 6, 5, side**2)
    yield Layer(6, 16, 5, (side // 2 - 4) ** 2)
    widths = 16 * (side // 4 - 2) ** 2, 120, 84, CLASSES
    for width, outputs in pairwise(widths):
        yield Layer(width, outputs, 0, 1)


def resnet20(inputs, side, blocks):
    """ResNet-20, or one of fewer blocks in each of its three stages."""
    yield Layer(inputs, 16, 3, side**2, normalised=True)
    inputs = 16
    for channels in (16, 32, 64):
        for block in range(blocks):
            halves = channels > 16 and not block
            side = -(-side // 2) if halves else side
            yield Layer(inputs, channels, 3, side**2, normalised=True)
            yield Layer(channels, channels, 3, side**2, normalised=True)
            if halves:
                yield Layer(inputs, channels, 1, side**2, normalised=True)
            inputs = channels
    yield Layer(inputs, CLASSES, 0, 1)


@dataclass(frozen=True)
class ImageNetwork:
    """A training step of a network of `fusegrad.cli.networks`, with the loss and the optimizer of a `Perceptron`."""

    name: str
    batch: int
    sample: tuple[int, int, int]
    precision: str = "float32"
    blocks: int = 3

    def __str__(self):
        return f"{self.name}, batch {self.batch}, {' x '.join(map(str, self.sample))}, {self.precision}"

    @property
    def layers(self):
        inputs, side, _ = self.sample
        return list({"lenet": lenet, "resnet20": resnet20}[self.name](inputs, side, self.blocks))

    @property
    def forward_flops(self):
        return self.batch * sum(layer.flops for layer in self.layers)

    @property
    def flops(self):
        """Of the products: three for every layer, but two for the first, whose input needs no gradient."""
        return 3 * self.forward_flops - self.batch * self.layers[0].flops

    @property
    def nbytes(self):
        """That cannot be avoided, as of a `Perceptron`; what is kept of activations depends on what is fused."""
        return 28 * sum(array.size for array in self.first_values()) + 4 * self.batch * prod(self.sample)

    def first_values(self):
        """The trained parameters in the order of the network."""
        generator = np.random.default_rng(0)
        return [array for layer in self.layers for array in layer.initial(generator)]

    def data(self, batches=1):
        """Random images and labels."""
        count = batches * self.batch
        return normal_numbers((count, *self.sample)), np.random.default_rng(1).integers(0, CLASSES, count)

    def shrunk(self):
        """The same kind of network of a size for trying out."""
        side = 28 if self.name == "lenet" else 8  # which LeNet's linear layers are made for
        return replace(self, batch=2, sample=(self.sample[0], side, side), blocks=1)


LENET, RESNET = ImageNetwork("lenet", 256, (1, 28, 28)), ImageNetwork("resnet20", 128, (3, 32, 32))
IMAGE_NETWORKS = [
    replace(RESNET, precision="bfloat16"),
    replace(LENET, precision="bfloat16"),
    replace(RESNET, precision="tf32"),
    replace(RESNET, batch=1024, precision="bfloat16"),
]
