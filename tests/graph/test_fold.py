"""Layers that are folded into the weights before them, in programs that only evaluate."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.graph import Input, Model, ParamArena, Program
from fusegrad.layers import BatchNorm, Conv1d, Conv2d, DepthwiseConv2d, Linear, ReLU, Sequential, Tanh

GENERATOR = np.random.default_rng(0)


def evaluating(model, shape, keep=lambda program: [], **options):
    """A program of the model, whose parameters are anything."""
    x = Input(shape)
    arena = ParamArena(model, **options) if (y := model(x)) else None
    for param in model.params():
        param.value = GENERATOR.uniform(0.5, 2, param.shape)
    return Program([x], y, arena)


def labels(program):
    return [call.label for call in program.schedule.forward]


def layer_by_layer(program):
    """The same program with nothing folded or fused."""
    values = [value for node in program.nodes for value in node.outputs.values()]
    return Program(program.inputs, program.outputs, program.arena, keep=values)


FOLDED = {
    "linear": (lambda: Sequential(Linear(5), BatchNorm()), (4, 6)),
    "linear without bias": (lambda: Sequential(Linear(5, bias=False), BatchNorm("tanh")), (4, 6)),
    "conv": (lambda: Sequential(Conv2d(5, 3, padding=1, stride=2), BatchNorm(), ReLU(), Tanh()), (2, 3, 7, 6)),
    "groups": (lambda: Sequential(Conv1d(6, 3, groups=3, bias=False), BatchNorm(affine=False)), (2, 6, 9)),
    "depthwise": (lambda: Sequential(DepthwiseConv2d(3, multiplier=2), BatchNorm(ReLU())), (2, 3, 5, 5)),
}


@pytest.mark.parametrize(("make", "shape"), FOLDED.values(), ids=FOLDED)
@pytest.mark.parametrize("backend", ["cpu", "emulated"])
def test_a_folded_norm_computes_the_same(make, shape, backend):
    program = evaluating(make(), shape, backend=backend)
    assert labels(program) == ["Folding.forward", "Folded.forward"]
    plain, host = layer_by_layer(program), program.arena.backend.to_numpy
    x = GENERATOR.normal(size=shape).astype("float32")
    found, wanted = host(program.forward(x)), host(plain.forward(x))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_weights_are_folded_anew_in_every_run():
    model = Sequential(Linear(5), BatchNorm())
    program = evaluating(model, (4, 6))
    x = GENERATOR.normal(size=(4, 6)).astype("float32")
    before = program.forward(x)
    model.layers[1].running_mean.value += 1
    model.layers[0].weight.value *= 2
    after, plain = program.forward(x), layer_by_layer(program).forward(x)
    assert np.abs(after - before).min() > 1e-3
    np.testing.assert_allclose(after, plain, rtol=1e-5, atol=1e-5)


def test_a_chain_is_folded_pair_by_pair():
    model = Sequential(Linear(5), BatchNorm(), ReLU(), Linear(4), BatchNorm(), Linear(3))
    assert labels(evaluating(model, (4, 6))) == ["Folding.forward", "Folded.forward"] * 2 + ["Linear.predict"]


def test_what_is_folded_has_the_dtype_of_the_product():
    model = Sequential(Linear(5), BatchNorm())
    program = evaluating(model, (4, 6), backend="emulated", precision="float16")
    assert labels(program)[-3:] != ["Linear.predict", "BatchNorm.predict"]
    (folding,) = [call for call in program.schedule.forward if call.label == "Folding.forward"]
    assert [buffer.spec.dtype for buffer in folding.buffers() if buffer.spec is not None] == ["float16"] * 2
    x = GENERATOR.normal(size=(4, 6)).astype("float32")
    weight, bias = (param.value.get() for param in (model.layers[0].weight, model.layers[0].bias))
    gamma, beta, mean, var = (param.value.get() for param in model.layers[1].params())
    wanted = (x @ weight.T + bias - mean) / np.sqrt(var + 1e-5) * gamma + beta
    found = program.arena.backend.to_numpy(program.forward(x))
    np.testing.assert_allclose(found, wanted, rtol=0.01, atol=0.01 * np.abs(wanted).max())


class TwoReaders(Model):
    def __init__(self):
        self.linear, self.norm = Linear(5), BatchNorm()

    def call(self, x):
        y = self.linear(x)
        return self.norm(y) + y


NOT_FOLDED = {
    "an activation between": (lambda: Sequential(Linear(5, "relu"), BatchNorm()), (4, 6)),
    "another axis": (lambda: Sequential(Linear(5), BatchNorm()), (4, 3, 6)),
    "two readers": (TwoReaders, (4, 6)),
    "nothing before": (lambda: Sequential(BatchNorm(), Linear(5)), (4, 6)),
    "no product": (lambda: Sequential(BatchNorm(), BatchNorm()), (4, 6)),
}


@pytest.mark.parametrize(("make", "shape"), NOT_FOLDED.values(), ids=NOT_FOLDED)
def test_what_cannot_be_folded_stays(make, shape):
    found = labels(evaluating(make(), shape))
    assert "BatchNorm.predict" in found
    assert not any(label.startswith("Fold") for label in found)


def test_a_value_that_is_kept_stays():
    model = Sequential(Linear(5), BatchNorm())
    program = evaluating(model, (4, 6))
    x = GENERATOR.normal(size=(4, 6)).astype("float32")
    kept = model.activations(x, "layers.0")["layers.0"]
    linear = model.layers[0]
    np.testing.assert_allclose(kept, x @ linear.weight.value.T + linear.bias.value, rtol=1e-5, atol=1e-5)
    assert labels(layer_by_layer(program)) == ["Linear.predict", "BatchNorm.predict"]


def test_programs_with_gradients_fold_nothing():
    model = Sequential(Linear(5), BatchNorm())
    x = Input((4, 6))
    program = Program([x], model(x).sum(), ParamArena(model), gradients_of=[x])
    assert labels(program) == ["Linear.forward", "BatchNorm.forward", "Total.forward"]
