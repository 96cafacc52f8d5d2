"""Layers forward and backward, as a program runs them."""

from __future__ import annotations

import numpy as np
import pytest
import sizes
from clocks import graph_of

import fusegrad as fg
from fusegrad.graph.explain import row, specs_of

BATCH, WIDTH = sizes.chosen((16, 32), (256, 512), (8192, 4096))
INPUTS = {"Add": 2, "Concat": 2}  # of shape (BATCH, WIDTH); the others have one
MADE = {
    "Linear": lambda: fg.layers.Linear(WIDTH),
    "Dropout": lambda: fg.layers.Dropout(0.1),
    "Elementwise": lambda: fg.layers.Elementwise(lambda x: x * fg.expr.exp(-x * x)),
    "Reshape": lambda: fg.layers.Reshape(WIDTH, BATCH),
    "Sequential": lambda: fg.Sequential(fg.layers.Linear(WIDTH), fg.layers.ReLU()),
}
LAYERS = {name: MADE.get(name, getattr(fg.layers, name)) for name in fg.layers.__all__}


def costs(program) -> tuple[int, int]:
    """FLOPs and bytes of forward and backward, as `Program.explain` counts them."""
    specs = specs_of(program.nodes, program.arena.precision)
    rows = [row(call, specs) for call in [*program.schedule.forward, *program.schedule.backward]]
    return sum(flops for *_, flops in rows), sum(nbytes for *_, nbytes, _ in rows)


@pytest.mark.parametrize("name", LAYERS)
def test_layer(measure, contender, name):
    layer, count, backend = LAYERS[name](), INPUTS.get(name, 1), contender.backend
    inputs = [fg.Input((BATCH, WIDTH)) for _ in range(count)]
    loss = layer(*inputs).sum()
    arena = fg.ParamArena(layer, backend=backend.name)
    params = list(arena.params.values())
    program = fg.Program(inputs, loss, arena, train=params or None, gradients_of=inputs)
    batch = [backend.asarray(np.random.default_rng(i).random((BATCH, WIDTH), "float32")) for i in range(count)]
    program.forward(*batch)  # puts the batch in its place
    passes = [*program.bound.forward, *program.bound.backward]
    run = graph_of(backend, passes) if contender.name == "captured" else lambda: backend.run(passes)
    flops, nbytes = costs(program)
    measure(run, flops=flops, nbytes=nbytes)
