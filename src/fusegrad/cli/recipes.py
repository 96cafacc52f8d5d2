"""Networks and settings that train well on the data sets of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fusegrad import graph, layers, losses, metrics, optimizers, schedules
from fusegrad.cli.networks import lenet, resnet20
from fusegrad.training import data

Build = Callable[[int], graph.Module]


@dataclass(frozen=True)
class Recipe:
    """A network, made for so many outputs, and how to train it.

    `sample` is the shape in which it takes a sample, None for that of the data; `augment` changes images at random.
    """

    build: Build
    epochs: int
    batch_size: int
    lr: float
    sample: tuple[int, ...] | None = None
    augment: tuple[Any, ...] = ()


def perceptron(widths: tuple[int, ...], dropout: float) -> Build:
    """Linear, ReLU and dropout for every width, then one output per class or target."""

    def build(outputs: int) -> graph.Module:
        hidden: list[graph.Module] = []
        for width in widths:
            hidden += [layers.Linear(width), layers.ReLU()]
            hidden += [layers.Dropout(dropout)] if dropout else []
        return layers.Sequential(*hidden, layers.Linear(outputs))

    return build


DIGIT = 1, 8, 8

# By data set and model; the first model of a data set is the usual one.
RECIPES: dict[str, dict[str, Recipe]] = {
    "digits": {
        "mlp": Recipe(perceptron((256, 128), 0.2), epochs=60, batch_size=32, lr=1e-3),
        "lenet": Recipe(partial(lenet, kernel=3, padding=1), epochs=30, batch_size=32, lr=6e-3, sample=DIGIT),
        "resnet20": Recipe(resnet20, epochs=15, batch_size=32, lr=3e-3, sample=DIGIT),
    },
    "iris": {"mlp": Recipe(perceptron((32, 32), 0.0), epochs=60, batch_size=16, lr=3e-3)},
    "wine": {"mlp": Recipe(perceptron((32, 32), 0.1), epochs=60, batch_size=16, lr=3e-3)},
    "breast_cancer": {"mlp": Recipe(perceptron((32, 32), 0.1), epochs=40, batch_size=32, lr=2e-3)},
    "diabetes": {"mlp": Recipe(perceptron((32, 32), 0.1), epochs=60, batch_size=32, lr=2e-3)},
    "mnist": {
        "lenet": Recipe(lenet, epochs=10, batch_size=32, lr=4e-3, augment=(data.Shift(2),)),
        "resnet20": Recipe(resnet20, epochs=8, batch_size=64, lr=4e-3, augment=(data.Shift(2),)),
        "mlp": Recipe(perceptron((512, 512), 0.2), epochs=10, batch_size=64, lr=1e-3, sample=(784,)),
    },
}

OPTIMIZERS: dict[str, Callable[[schedules.Schedule], optimizers.Optimizer]] = {
    "sgd": partial(optimizers.SGD, momentum=0.9),
    "adam": optimizers.Adam,
    "adamw": optimizers.AdamW,
    "nadam": optimizers.NAdam,
    "radam": optimizers.RAdam,
    "rmsprop": optimizers.RMSprop,
    "lion": optimizers.Lion,
    "lamb": optimizers.LAMB,
}


def recipe_of(dataset: str, model: str) -> Recipe:
    """How to train a model on a data set; ValueError where there is no such recipe."""
    known = RECIPES[dataset]
    if model not in known:
        raise ValueError(f"{dataset} expects --model {' or '.join(known)}, got {model}")
    return known[model]


def loss_and_metrics(task: str) -> tuple[graph.Layer, list[metrics.Metric]]:
    """What a classification or regression is trained and judged by."""
    if task == "classification":
        return losses.CrossEntropy(), [metrics.Accuracy()]
    return losses.MSE(), [metrics.R2(), metrics.MAE()]


def make_optimizer(name: str, lr: float, steps: int) -> optimizers.Optimizer:
    """An optimizer whose rate warms up over the first twentieth of all steps and then falls along a cosine."""
    warm = max(1, steps // 20)
    return OPTIMIZERS[name](schedules.warmup(warm, schedules.cosine(lr, max(1, steps - warm))))
