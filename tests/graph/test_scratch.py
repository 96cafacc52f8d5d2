"""What a step holds above its planned block stays within 2 MiB, whatever the network."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from fusegrad import layers, losses, optimizers
from fusegrad.expr.scratch import NBYTES
from fusegrad.graph import Input, ParamArena, Program, normal
from fusegrad.layers import Linear, Sequential

ROWS, WIDTH = 2048, 1024  # an array of these takes 8 MiB
LIMIT = (2 << 20) - NBYTES  # what the scratch of the thread, which lasts, leaves of 2 MiB
LAYERS = {
    "gelu": lambda: Sequential(Linear(WIDTH), layers.GELU()),
    "no bias": lambda: Linear(WIDTH, "mish", bias=False),
    "dropout": lambda: layers.Dropout(0.5),
    "run": lambda: Sequential(layers.SiLU(), layers.Softsign(), layers.ELU()),
    "prelu": lambda: layers.PReLU(),
    "twice": lambda: Twice(),
}
LOSSES = {
    "mse": (lambda: losses.MSE(), (ROWS, WIDTH), "float32"),
    "bce": (lambda: losses.BCEWithLogits(), (ROWS, WIDTH), "float32"),
    "labels": (lambda: losses.CrossEntropy(), (ROWS,), "int64"),
    "class weights": (lambda: losses.CrossEntropy(class_weight=np.ones(WIDTH)), (ROWS,), "int64"),
    "distributions": (lambda: losses.CrossEntropy(), (ROWS, WIDTH), "float32"),
}


class Twice(layers.Sequential):
    """A shared layer, whose gradients are added, between broadcast arithmetic."""

    def __init__(self):
        super().__init__(Linear(WIDTH, width_in=WIDTH))

    def call(self, x):
        y = super().call(super().call(x)) / (x * x + 1.0) - x
        return y * y.mean(0) - y[:1] + normal((ROWS, WIDTH))


def held(run):
    """Bytes that the second of two runs holds at most, beyond what was there."""
    run()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before


def program(layer, loss, shape, dtype, **options):
    x, target, weight = Input((ROWS, WIDTH)), Input(shape, dtype), Input((ROWS,))
    model = Sequential(Linear(WIDTH, width_in=WIDTH), layer)
    total = loss(model(x), target, weight)
    return Program([x, target, weight], total, ParamArena(model), optimizers.Adam(clip_norm=1.0), **options)


def batch(shape, dtype):
    generator = np.random.default_rng(0)
    target = np.zeros(shape, dtype) if dtype == "int64" else generator.dirichlet(np.ones(shape[1]), shape[0])
    return generator.random((ROWS, WIDTH), "float32"), target.astype(dtype), np.ones(ROWS, "float32")


@pytest.mark.parametrize("layer", LAYERS)
def test_of_layers(layer):
    step = program(LAYERS[layer](), losses.MSE(), (ROWS, WIDTH), "float32")
    arrays = batch((ROWS, WIDTH), "float32")
    assert held(lambda: step.step(*arrays)) <= LIMIT


@pytest.mark.parametrize("loss", LOSSES)
def test_of_losses(loss):
    make, shape, dtype = LOSSES[loss]
    step = program(layers.Identity(), make(), shape, dtype)
    arrays = batch(shape, dtype)
    assert held(lambda: step.step(*arrays)) <= LIMIT


def test_of_accumulated_gradients():
    step = program(layers.ReLU(), losses.MSE(), (ROWS, WIDTH), "float32")
    arrays = batch((ROWS, WIDTH), "float32")

    def accumulate():
        step.forward(*arrays)
        step.backward(accumulate=True)

    assert held(accumulate) <= LIMIT
