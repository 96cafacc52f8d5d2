"""Layers forward and backward, as a program runs them."""

from __future__ import annotations

import numpy as np
import pytest

import fusegrad as fg

BATCH, WIDTH = 256, 512
N = BATCH * WIDTH
GEMM = 2 * N * WIDTH

# how to make a layer, how many inputs (BATCH, WIDTH) it has, and its FLOPs forward and backward
LAYERS = {
    "Linear": (lambda: fg.layers.Linear(WIDTH), 1, 3 * GEMM + 2 * N),
    "ReLU": (fg.layers.ReLU, 1, 3 * N),
    "Sigmoid": (fg.layers.Sigmoid, 1, 7 * N),
    "Tanh": (fg.layers.Tanh, 1, 4 * N),
    "Dropout": (lambda: fg.layers.Dropout(0.1), 1, 5 * N),
    "Add": (fg.layers.Add, 2, N),
    "Concat": (fg.layers.Concat, 2, 0),
    "Flatten": (fg.layers.Flatten, 1, 0),
    "Reshape": (lambda: fg.layers.Reshape(WIDTH, BATCH), 1, 0),
    "Sequential": (lambda: fg.Sequential(fg.layers.Linear(WIDTH), fg.layers.ReLU()), 1, 3 * GEMM + 5 * N),
}


def traffic(program) -> int:
    """Bytes that the passes name: each array of the block once for every pass that reads or writes it."""
    calls = [*program.schedule.forward, *program.schedule.backward]
    return sum(buffer.spec.nbytes for call in calls for buffer in call.buffers() if buffer.spec)


@pytest.mark.parametrize("name", LAYERS)
def test_layer(measure, backend, name):
    make, count, flops = LAYERS[name]
    layer = make()
    inputs = [fg.Input((BATCH, WIDTH)) for _ in range(count)]
    loss = layer(*inputs).sum()
    arena = fg.ParamArena(layer, backend=backend.name)
    params = list(arena.params.values())
    program = fg.Program(inputs, loss, arena, train=params or None, gradients_of=inputs)
    batch = [backend.asarray(np.random.default_rng(i).random((BATCH, WIDTH), "float32")) for i in range(count)]

    def run():
        program.forward(*batch)
        program.backward()

    measure(run, flops=flops, nbytes=traffic(program) + 3 * arena.value.nbytes)
