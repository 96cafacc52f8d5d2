"""Networks for images, under the names of the command line."""

from __future__ import annotations

from fusegrad.graph import Model, Module, Value
from fusegrad.layers import BatchNorm, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, ReLU, Sequential

WIDTHS = 16, 32, 64  # channels of the stages of ResNet-20


def lenet(outputs: int, kernel: int = 5, padding: int = 0) -> Sequential:
    """LeNet-5 (LeCun et al., 1998) with ReLU and max pooling.

    `padding` is that of the second convolution; kernels of 3 with a padding of 1 suit images of 8 x 8.
    """
    return Sequential(
        Conv2d(6, kernel, padding=kernel // 2),
        ReLU(),
        MaxPool2d(2),
        Conv2d(16, kernel, padding=padding),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(120),
        ReLU(),
        Linear(84),
        ReLU(),
        Linear(outputs),
    )


class Residual(Model):
    """y = relu(x + two convolutions of x); where the shape changes, x goes through a convolution of 1 x 1 as well."""

    def __init__(self, channels: int, stride: int) -> None:
        self.branch = Sequential(*convolved(channels, 3, stride), ReLU(), *convolved(channels, 3))
        self.shortcut = Sequential(*convolved(channels, 1, stride)) if stride > 1 else None
        self.relu = ReLU()

    def call(self, x: Value) -> Value:
        y: Value = self.relu(self.branch(x) + (self.shortcut(x) if self.shortcut else x))
        return y


def resnet20(outputs: int, blocks: int = 3) -> Sequential:
    """ResNet-20 for small images (He et al., 2016, arXiv:1512.03385, section 4.2): three stages of `blocks` blocks."""
    layers: list[Module] = [*convolved(WIDTHS[0], 3), ReLU()]
    for stage, channels in enumerate(WIDTHS):
        layers += [Residual(channels, 2 if stage and not block else 1) for block in range(blocks)]
    return Sequential(*layers, GlobalAvgPool(), Linear(outputs))


def convolved(channels: int, kernel: int, stride: int = 1) -> list[Module]:
    """A convolution that keeps the extents but for its stride, and its normalisation, which makes a bias needless."""
    return [Conv2d(channels, kernel, stride=stride, padding=kernel // 2, bias=False), BatchNorm()]
