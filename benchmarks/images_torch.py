"""LeNet and ResNet-20 of `fusegrad.cli.networks` in PyTorch, with parameters in the same order.

What can be overwritten is, as PyTorch's users do it.
"""

from __future__ import annotations

import torch
from torch import nn


class Residual(nn.Module):
    """relu(x + two convolutions of x); where the shape changes, x goes through a convolution of 1 x 1."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        first, second = convolved(inputs, channels, 3, stride), convolved(channels, channels, 3)
        self.branch = nn.Sequential(*first, nn.ReLU(inplace=True), *second)
        self.shortcut = nn.Sequential(*convolved(inputs, channels, 1, stride)) if stride > 1 else nn.Identity()

    def forward(self, x):
        y = self.branch(x)
        y += self.shortcut(x)
        return torch.relu_(y)


def convolved(inputs, channels, kernel, stride=1):
    return nn.Conv2d(inputs, channels, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(channels)


def resnet20(outputs, blocks=3, inputs=1):
    layers, inputs = [*convolved(inputs, 16, 3), nn.ReLU(inplace=True)], 16
    for channels in (16, 32, 64):
        for block in range(blocks):
            layers.append(Residual(inputs, channels, 1 if block or channels == 16 else 2))
            inputs = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, outputs))


def lenet(outputs):
    features = [
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(inplace=True),
    ]
    head = [
        nn.Linear(400, 120),
        nn.ReLU(inplace=True),
        nn.Linear(120, 84),
        nn.ReLU(inplace=True),
        nn.Linear(84, outputs),
    ]
    return nn.Sequential(*features, nn.MaxPool2d(2), nn.Flatten(), *head)


NETWORKS = {"lenet": lenet, "resnet20": resnet20}


def network(name, parameters, outputs):
    """The network with these parameters, in the memory format in which PyTorch convolves fastest on a CPU."""
    model = NETWORKS[name](outputs)
    with torch.no_grad():
        for own, given in zip(model.parameters(), parameters, strict=True):
            own.copy_(torch.from_numpy(given))
    return model.to(memory_format=torch.channels_last)
