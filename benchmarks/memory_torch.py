"""The memory of a training step in PyTorch, for `memory.py`: `python benchmarks/memory_torch.py network batch`."""

from __future__ import annotations

import json
import sys
from functools import partial

import numpy as np
import torch
from images_torch import lenet, resnet20
from resident import growth
from torch import nn

STEPS = 3
SAMPLES = {"perceptron": (784,), "lenet": (1, 28, 28), "resnet20": (3, 32, 32)}


def perceptron():
    layers = nn.Linear(784, 512), nn.ReLU(True), nn.Linear(512, 512), nn.ReLU(True), nn.Linear(512, 10)
    return nn.Sequential(*layers)


MODELS = {"perceptron": perceptron, "lenet": partial(lenet, 10), "resnet20": partial(resnet20, 10, inputs=3)}


def train(name, batch):
    """Steps with momentum, activations being overwritten and gradients dropped wherever PyTorch can."""
    model, loss_of = MODELS[name](), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    generator = np.random.default_rng(0)
    x = torch.from_numpy(generator.standard_normal((batch, *SAMPLES[name]), np.float32))
    labels = torch.from_numpy(generator.integers(0, 10, batch))
    for _ in range(STEPS):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(x), labels)
        loss.backward()
        optimizer.step()
        loss.item()


def main(name, batch):
    train(name, 2)
    _, grown = growth(lambda: train(name, batch))
    print(json.dumps({"process": grown}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
