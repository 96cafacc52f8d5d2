"""The contestants: each makes a function that does the work of a row once and waits until it is done.

A training step returns its loss as a float, an update the array of parameters.  Batches and gradients are given in the
library's own arrays; only the engine copies a batch at every step, as it always does.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib.util import find_spec

from peer_jax import Jax
from peer_rows import CLASSES, LR, Missing
from peer_torch import Torch

import fusegrad as fg
from fusegrad.cli import networks

EVALUATOR = "FUSEGRAD_EVALUATOR"


class Fusegrad:
    """The engine on the CPU, with one of its evaluators."""

    def __init__(self, evaluator):
        self.evaluator = evaluator

    def network(self, activation, weights, biases, x, labels):
        if activation == "gelu" and not hasattr(fg.layers, "GELU"):
            raise Missing("fusegrad has no GELU yet")
        make = {"relu": "ReLU", "gelu": "GELU"}[activation]
        linears = [fg.layers.Linear(len(bias)) for bias in biases]
        layers = [layer for linear in linears for layer in (linear, getattr(fg.layers, make)())][:-1]
        inputs = fg.Input(x.shape), fg.Input(labels.shape, "int64")
        model = fg.Sequential(*layers)
        program = self.program(inputs, fg.losses.CrossEntropy()(model(inputs[0]), inputs[1]), model)
        for linear, weight, bias in zip(linears, weights, biases, strict=True):
            linear.weight.value, linear.bias.value = weight, bias
        return lambda: float(program.step(x, labels))

    def images(self, name, parameters, x, labels):
        model, inputs = getattr(networks, name)(CLASSES), (fg.Input(x.shape), fg.Input(labels.shape, "int64"))
        program = self.program(inputs, fg.losses.CrossEntropy()(model(inputs[0]), inputs[1]), model)
        trained = [param for _, param in model.named_params() if param.trainable]
        for param, value in zip(trained, parameters, strict=True):
            param.value = value
        return lambda: float(program.step(x, labels))

    def update(self, gradient):
        model, row = fg.layers.Linear(1, bias=False, weight_init=fg.initializers.zeros), fg.Input((1, len(gradient)))
        program = self.program([row], fg.mean(model(row)), model)
        program.arena.grad[...] = gradient

        def update():
            program.update()
            return program.arena.value

        return update

    def program(self, inputs, loss, model):
        if self.evaluator == "numba" and find_spec("numba") is None:
            raise Missing("No module named 'numba'")
        with variable(EVALUATOR, self.evaluator):
            arena = fg.ParamArena(model, backend="cpu")
            return fg.Program(inputs, loss, arena, fg.optimizers.Adam(LR))


@contextmanager
def variable(name, value):
    """The environment variable set to `value` for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


OURS = {"fusegrad fast": Fusegrad("numba"), "fusegrad numpy": Fusegrad("numpy")}
PEERS = {"torch eager": Torch(compiled=False), "torch compile": Torch(compiled=True), "jax jit": Jax()}
