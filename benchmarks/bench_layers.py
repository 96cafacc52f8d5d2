"""Layers forward and backward, as a program runs them."""

from __future__ import annotations

from functools import partial

import pytest
import sizes
from clocks import graph_of
from op_arrays import make

import fusegrad as fg
from fusegrad import layers
from fusegrad.graph.explain import row, specs_of

BATCH, WIDTH = sizes.chosen((16, 32), (256, 512), (8192, 4096))
SAMPLES, CHANNELS, SIDE = sizes.chosen((2, 4, 8), (64, 32, 28), (256, 64, 56))
WORDS = 10 * WIDTH

PLANE = (BATCH, WIDTH)
LINE, IMAGE = (SAMPLES, CHANNELS, SIDE**2), (SAMPLES, CHANNELS, SIDE, SIDE)
VOLUME = (SAMPLES, CHANNELS, SIDE // 2, SIDE // 2, SIDE)
TOKENS = ("int64", (BATCH,), WORDS)


def along(axes, shape):
    """What slides along so many axes, each with what it is given."""
    arguments = {
        "Conv": (CHANNELS, 3),
        "ConvTranspose": (CHANNELS, 2),
        "MaxPool": (2,),
        "AvgPool": (2,),
        "AdaptiveAvgPool": (2,),
    }
    named = {f"{name}{axes}d": given for name, given in arguments.items()}
    return {name: (partial(getattr(layers, name), *given), shape) for name, given in named.items()}


# What makes a layer, and what it is given, as `op_arrays` describes arrays; the others are made without arguments and
# given one PLANE.
GIVEN = {
    **{name: (getattr(layers, name), PLANE, PLANE) for name in ("Add", "Concat", "Maximum", "Minimum", "Multiply")},
    **{
        name: (getattr(layers, name), IMAGE)
        for name in ("BatchNorm", "InstanceNorm", "SpatialDropout", "GlobalAvgPool", "GlobalMaxPool", "Flatten")
    },
    **along(1, LINE),
    **along(2, IMAGE),
    **along(3, VOLUME),
    "DepthwiseConv1d": (lambda: layers.DepthwiseConv1d(3), LINE),
    "DepthwiseConv2d": (lambda: layers.DepthwiseConv2d(3), IMAGE),
    "Dropout": (lambda: layers.Dropout(0.1), PLANE),
    "Elementwise": (lambda: layers.Elementwise(lambda x: x * fg.expr.exp(-x * x)), PLANE),
    "Embedding": (lambda: layers.Embedding(WORDS, WIDTH), TOKENS),
    "Gated": (lambda: layers.Gated(lambda u, v: u * fg.expr.tanh(v)), PLANE),
    "GroupNorm": (lambda: layers.GroupNorm(4), IMAGE),
    "Linear": (lambda: layers.Linear(WIDTH), PLANE),
    "Maxout": (lambda: layers.Maxout(2), PLANE),
    "Pad": (lambda: layers.Pad((1, 1), "reflect"), IMAGE),
    "PixelShuffle": (lambda: layers.PixelShuffle(2), IMAGE),
    "PixelUnshuffle": (lambda: layers.PixelUnshuffle(2), IMAGE),
    "Reshape": (lambda: layers.Reshape(WIDTH, BATCH), PLANE),
    "Sequential": (lambda: fg.Sequential(layers.Linear(WIDTH), layers.ReLU()), PLANE),
    "Split": (lambda: layers.Split(2), PLANE),
    "StochasticDepth": (lambda: layers.StochasticDepth(0.1), IMAGE),
    "Upsample": (lambda: layers.Upsample(2, "bilinear"), IMAGE),
}
LAYERS = {name: GIVEN.get(name, (getattr(layers, name), PLANE)) for name in layers.__all__}


def program_of(name, backend):
    """The layer between inputs and the sum of all that it puts out, and a batch for it."""
    make_layer, *given = LAYERS[name]
    layer, batch = make_layer(), [make(backend, entry) for entry in given]
    inputs = [fg.Input(array.shape, array.dtype.name) for array in batch]
    outputs = layer(*inputs)
    first, *others = (value.sum() for value in (outputs if isinstance(outputs, tuple) else (outputs,)))
    arena = fg.ParamArena(layer, backend=backend.name)
    wanted = [value for value in inputs if value.spec.is_float]
    loss = sum(others, first)
    return fg.Program(inputs, loss, arena, train=list(arena.params.values()) or None, gradients_of=wanted), batch


def costs(program) -> tuple[int, int]:
    """FLOPs and bytes of forward and backward, as `Program.explain` counts them."""
    specs, calls = specs_of(program.nodes, program.arena.precision), program.schedule
    rows = [row(call, specs, program.plan.aliases) for call in [*calls.forward, *calls.backward]]
    return sum(flops for *_, flops in rows), sum(nbytes for *_, nbytes, _ in rows)


@pytest.mark.parametrize("name", LAYERS)
def test_layer(measure, contender, name):
    backend = contender.backend
    program, batch = program_of(name, backend)
    program.forward(*batch)  # puts the batch in its place
    passes = [*program.bound.forward, *program.bound.backward]
    run = graph_of(backend, passes) if contender.name == "captured" else lambda: backend.run(passes)
    flops, nbytes = costs(program)
    measure(run, flops=flops, nbytes=nbytes)
