"""Networks and settings that train well on the data sets of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fusegrad import graph, layers, losses, metrics, optimizers, schedules


@dataclass(frozen=True)
class Recipe:
    """A multilayer perceptron and how to train it."""

    widths: tuple[int, ...]
    dropout: float
    epochs: int
    batch_size: int
    lr: float


RECIPES = {
    "digits": Recipe((256, 128), 0.2, epochs=60, batch_size=32, lr=1e-3),
    "iris": Recipe((32, 32), 0.0, epochs=60, batch_size=16, lr=3e-3),
    "wine": Recipe((32, 32), 0.1, epochs=60, batch_size=16, lr=3e-3),
    "breast_cancer": Recipe((32, 32), 0.1, epochs=40, batch_size=32, lr=2e-3),
    "diabetes": Recipe((32, 32), 0.1, epochs=60, batch_size=32, lr=2e-3),
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


def perceptron(recipe: Recipe, outputs: int) -> layers.Sequential:
    """Linear, ReLU and dropout for every width, then one output per class or target."""
    hidden: list[graph.Module] = []
    for width in recipe.widths:
        hidden += [layers.Linear(width), layers.ReLU()]
        hidden += [layers.Dropout(recipe.dropout)] if recipe.dropout else []
    return layers.Sequential(*hidden, layers.Linear(outputs))


def loss_and_metrics(task: str) -> tuple[graph.Layer, list[metrics.Metric]]:
    """What a classification or regression is trained and judged by."""
    if task == "classification":
        return losses.CrossEntropy(), [metrics.Accuracy()]
    return losses.MSE(), [metrics.R2(), metrics.MAE()]


def make_optimizer(name: str, lr: float, steps: int) -> optimizers.Optimizer:
    """An optimizer whose rate warms up over the first twentieth of all steps and then falls along a cosine."""
    warm = max(1, steps // 20)
    return OPTIMIZERS[name](schedules.warmup(warm, schedules.cosine(lr, max(1, steps - warm))))
