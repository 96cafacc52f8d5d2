"""Five networks that the engine is tested and timed on: each has another shape of graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fusegrad.graph import Input, Model, Module, Optimizer, ParamArena, Program, Value, normal, stop_gradient
from fusegrad.graph.feed import Limit, index_limits
from fusegrad.graph.value import toposort
from fusegrad.layers import Linear, ReLU, Sequential, Tanh
from fusegrad.losses import MSE, BCEWithLogits, CrossEntropy


@dataclass(frozen=True)
class Goal:
    """What one kind of step is given, minimises and trains."""

    inputs: list[Value]
    loss: Value
    train: Module

    def batch(self, seed: int = 0) -> list[np.ndarray]:
        """Numbers in 0 .. 1 for floating-point inputs, labels for others."""
        generator, limits = np.random.default_rng(seed), index_limits(toposort([self.loss]))
        return [draw(generator, value, limits.get(value, ())) for value in self.inputs]


@dataclass(frozen=True)
class Network:
    """A module with all parameters, and its goals: one, or one for each player of a game."""

    module: Module
    goals: list[Goal]

    def programs(self, arena: ParamArena, optimizer: Callable[[], Optimizer]) -> list[Program]:
        """One program for each goal, with an optimizer of its own."""
        return [Program(goal.inputs, goal.loss, arena, optimizer(), train=goal.train) for goal in self.goals]


def draw(generator: np.random.Generator, value: Value, limits: Sequence[Limit]) -> np.ndarray:
    if value.spec.is_float:
        return generator.random(value.shape).astype(value.dtype)
    return generator.integers(0, min(limit.below for limit in limits), value.shape).astype(value.dtype)


def mlp(batch: int = 32, width: int = 64, depth: int = 3, classes: int = 10) -> Network:
    """Linear and ReLU in a row, then cross-entropy."""
    hidden = [layer for _ in range(depth) for layer in (Linear(width), ReLU())]
    model = Sequential(*hidden, Linear(classes))
    x, labels = Input((batch, width), name="x"), Input((batch,), "int64", name="labels")
    return Network(model, [Goal([x, labels], CrossEntropy()(model(x), labels), model)])


class Residual(Model):
    """x + a narrow, then wide layer of x, `depth` times."""

    def __init__(self, width: int, depth: int) -> None:
        self.blocks = [Sequential(Linear(4 * width), ReLU(), Linear(width)) for _ in range(depth)]

    def call(self, x: Value) -> Value:
        for block in self.blocks:
            x = x + block(x)
        return x


def residual(batch: int = 32, width: int = 32, depth: int = 4) -> Network:
    """Blocks with a way around them, so that every sum has two readers."""
    model = Residual(width, depth)
    x, target = Input((batch, width), name="x"), Input((batch, width), name="target")
    return Network(model, [Goal([x, target], MSE()(model(x), target), model)])


class Recurrent(Model):
    """One layer applied `times` times to its own output and the input."""

    def __init__(self, width: int, times: int) -> None:
        self.layer, self.tanh, self.times = Linear(width), Tanh(), times

    def call(self, x: Value) -> Value:
        state = x
        for _ in range(self.times):
            state = self.tanh(self.layer(state)) + x
        return state


def shared(batch: int = 32, width: int = 64, times: int = 6) -> Network:
    """One layer with many nodes, whose gradients add up."""
    model = Recurrent(width, times)
    x, target = Input((batch, width), name="x"), Input((batch, width), name="target")
    return Network(model, [Goal([x, target], MSE()(model(x), target), model)])


class TwoHeaded(Model):
    """Class scores and a number from one trunk."""

    def __init__(self, width: int, classes: int) -> None:
        self.trunk = Sequential(Linear(width), ReLU(), Linear(width), ReLU())
        self.scores, self.number = Linear(classes), Linear(1)

    def call(self, x: Value) -> tuple[Value, Value]:
        features = self.trunk(x)
        return self.scores(features), self.number(features)


def two_headed(batch: int = 32, width: int = 64, classes: int = 10) -> Network:
    """Two losses, weighted, over one trunk."""
    model = TwoHeaded(width, classes)
    x, labels = Input((batch, width), name="x"), Input((batch,), "int64", name="labels")
    target = Input((batch, 1), name="target")
    scores, number = model(x)
    loss = CrossEntropy()(scores, labels) + 0.1 * MSE()(number, target)
    return Network(model, [Goal([x, labels, target], loss, model)])


class Players(Module):
    """A generator and a discriminator."""

    def __init__(self, width: int) -> None:
        self.generator = Sequential(Linear(width), ReLU(), Linear(width))
        self.discriminator = Sequential(Linear(width), ReLU(), Linear(1))


def gan(batch: int = 32, width: int = 64) -> Network:
    """Two players over one graph; each trains its own parameters while gradients flow through the other."""
    players, loss = Players(width), BCEWithLogits()
    real = Input((batch, width), name="real")
    ones, zeros = Input((batch, 1), name="ones"), Input((batch, 1), name="zeros")
    made = players.generator(normal((batch, width)))
    on_real, on_made = players.discriminator(real), players.discriminator(stop_gradient(made))
    telling = loss(on_real, ones) + loss(on_made, zeros)
    fooling = loss(players.discriminator(made), ones)
    return Network(
        players,
        [Goal([real, ones, zeros], telling, players.discriminator), Goal([ones], fooling, players.generator)],
    )


NETWORKS: Sequence[Callable[..., Network]] = (mlp, residual, shared, two_headed, gan)
