"""Every layer against finite differences in float64; a planted wrong gradient is caught."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from fusegrad import expr, initializers, layers
from fusegrad.graph import Arrays, GradientError, Layer, Model, Param, Spec, check_gradients
from fusegrad.layers import (
    GELU,
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    Add,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    BatchNorm,
    Concat,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    DepthwiseConv1d,
    DepthwiseConv2d,
    Dropout,
    Elementwise,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Linear,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    PixelShuffle,
    PixelUnshuffle,
    PReLU,
    ReLU,
    Reshape,
    RMSNorm,
    Sequential,
    Sigmoid,
    Tanh,
    Upsample,
    activation,
)


def random_bias(width, **options):
    return Linear(width, bias_init=initializers.normal(1.0), **options)


class Tied(Model):
    """Encodes and decodes with one matrix, under two names of two layers."""

    def __init__(self):
        self.encode, self.decode = Linear(4, width_in=4), Linear(4, width_in=4)
        self.decode.weight = self.encode.weight

    def call(self, x):
        return self.decode(self.encode(x))


class SharedLayer(Model):
    """One layer, three nodes; the first output has two readers."""

    def __init__(self):
        self.layer, self.tanh = random_bias(5), Tanh()

    def call(self, x):
        y = self.tanh(self.layer(x))
        return self.layer(self.layer(y)) + y


class Twice(Model):
    """The same Value twice in one call."""

    def __init__(self, layer):
        self.layer, self.linear = layer, Linear(4)

    def call(self, x):
        y = self.linear(x)
        return self.layer(y, y)


ACTIVATIONS = [
    layer for layer in vars(activation).values() if inspect.isclass(layer) and issubclass(layer, Elementwise)
]
ACTIVATIONS.remove(Elementwise)

CASES = [
    (lambda: random_bias(3), [(4, 5)]),
    (lambda: random_bias(1), [(1, 1)]),
    (lambda: random_bias(7), [(2, 3, 5)]),
    (lambda: random_bias(2), [(2, 3, 4, 5)]),
    (lambda: Linear(3, bias=False), [(4, 5)]),
    (lambda: Linear(3, bias=False), [(2, 3, 5)]),
    *((layer, [shape]) for layer in ACTIVATIONS for shape in [(1,), (4, 5), (2, 3, 4)]),
    *((lambda layer=layer: random_bias(3, activation=layer()), [(4, 5)]) for layer in ACTIVATIONS),
    *((lambda layer=layer: Sequential(random_bias(3), layer(), layer()), [(4, 5)]) for layer in ACTIVATIONS),
    (lambda: GELU("tanh"), [(4, 5)]),
    (PReLU, [(4, 5)]),
    (PReLU, [(2, 3, 5)]),
    (lambda: PReLU(-1), [(2, 3, 5)]),
    (lambda: PReLU(shared=True), [(2, 3, 5)]),
    (layers.Multiply, [(4, 5), (4, 5)]),
    (layers.Multiply, [(2, 3, 4, 5), (2, 3, 1, 1)]),
    (layers.Maximum, [(4, 5), (4, 5)]),
    (layers.Minimum, [(2, 3, 4, 5), (2, 3, 1, 1)]),
    (lambda: layers.Split(2), [(3, 4)]),
    (lambda: layers.Split((1, 3), axis=1), [(2, 4, 3)]),
    (lambda: layers.Split(1), [(2, 4)]),
    (layers.Transpose, [(2, 3, 4)]),
    (lambda: layers.Transpose(0, 2, -2), [(2, 3, 4)]),
    (lambda: layers.Pad((1, (2, 0))), [(2, 3, 4)]),
    (lambda: layers.Pad((1, (2, 0)), "reflect"), [(2, 3, 4)]),
    (lambda: layers.Pad((4, (2, 3)), "edge"), [(2, 3, 4)]),
    (lambda: layers.Pad(((3, 1), 2), "wrap"), [(2, 3, 4)]),
    (lambda: layers.Pad((-1, (2, -1)), value=2.0), [(2, 3, 4)]),
    (lambda: layers.Gated(lambda u, v: u * np.tanh(v)), [(3, 4)]),
    (layers.GLU, [(3, 4)]),
    (lambda: layers.SwiGLU(1), [(2, 6, 3)]),
    (lambda: layers.GEGLU(0), [(4, 3)]),
    (layers.ReGLU, [(2, 3, 4)]),
    (lambda: layers.Maxout(3), [(3, 6)]),
    (lambda: layers.Maxout(2, axis=1), [(2, 6, 5)]),
    (layers.Softmax, [(3, 6)]),
    (lambda: layers.Softmax(1), [(2, 3, 4, 5)]),
    (layers.LogSoftmax, [(3, 6)]),
    (lambda: layers.LogSoftmax(0), [(3, 6)]),
    (layers.SpatialDropout, [(3, 6, 5)]),
    (lambda: layers.StochasticDepth(0.5), [(6, 2, 3)]),
    (lambda: layers.StochasticDepth(0.1, "batch"), [(6, 2)]),
    (layers.GaussianNoise, [(3, 4)]),
    (layers.GaussianDropout, [(3, 4)]),
    (lambda: layers.Embedding(7, 3, dtype="float64"), [Spec((4, 5), "int32")]),
    (lambda: Elementwise(lambda a, b: a * expr.exp(-b * b)), [(4, 5), (4, 5)]),
    (Dropout, [(40, 5)]),
    (lambda: Dropout(0.1), [(4, 5, 6)]),
    (lambda: Dropout(0.0), [(4, 5)]),
    (Add, [(4, 5), (4, 5)]),
    (Add, [(4, 5), (5,)]),
    (Concat, [(4, 5)]),
    (Concat, [(4, 5), (4, 2), (4, 1)]),
    (lambda: Concat(axis=0), [(4, 5), (2, 5)]),
    (lambda: Concat(axis=1), [(2, 3, 4), (2, 1, 4)]),
    (lambda: BatchNorm("gelu"), [(4, 3)]),
    (lambda: Sequential(BatchNorm(), ReLU()), [(3, 2, 5, 4)]),
    (lambda: BatchNorm("tanh", affine=False), [(2, 3, 4)]),
    (lambda: BatchNorm("relu", frozen=True), [(2, 3, 4, 1, 2)]),
    (lambda: Sequential(GroupNorm(2), ReLU()), [(3, 4, 5, 2)]),
    (lambda: GroupNorm(2, "tanh"), [(3, 4)]),
    (InstanceNorm, [(3, 2, 5)]),
    (lambda: InstanceNorm("gelu", affine=True), [(2, 3, 4, 2)]),
    (LayerNorm, [(3, 4, 5)]),
    (lambda: LayerNorm((4, 5), bias=False), [(3, 4, 5)]),
    (lambda: LayerNorm(5, affine=False), [(3, 5)]),
    (RMSNorm, [(2, 3, 5)]),
    (lambda: RMSNorm((3, 5), affine=False), [(2, 3, 5)]),
    (Flatten, [(2, 3, 4)]),
    (lambda: Reshape(6, -1), [(2, 3, 4)]),
    (lambda: Sequential(random_bias(8), ReLU(), Dropout(0.3), random_bias(3), Sigmoid()), [(4, 5)]),
    (lambda: Conv1d(3, 3, Tanh(), padding="same"), [(2, 2, 7)]),
    (lambda: Conv2d(4, (3, 2), stride=2, padding=1, groups=2), [(2, 4, 5, 6)]),
    (lambda: Conv2d(3, 3, "gelu", padding=1, dilation=2), [(2, 2, 6, 5)]),
    (lambda: Conv3d(2, 2, bias=False), [(2, 3, 3, 4, 3)]),
    (lambda: ConvTranspose1d(3, 3, stride=2, padding=1, output_padding=1), [(2, 2, 5)]),
    (lambda: ConvTranspose2d(4, (3, 2), "gelu", stride=(1, 3), groups=2), [(2, 4, 3, 4)]),
    (lambda: ConvTranspose3d(2, 2, padding="same", stride=2), [(1, 3, 2, 3, 2)]),
    (lambda: DepthwiseConv1d(3, Tanh(), multiplier=2), [(2, 3, 6)]),
    (lambda: DepthwiseConv2d(3, stride=2, padding=1), [(2, 3, 5, 6)]),
    (lambda: MaxPool1d(3, 2, 1), [(2, 3, 8)]),
    (lambda: MaxPool2d(2), [(2, 3, 5, 4)]),
    (lambda: MaxPool2d(3, 2, 1, return_indices=True), [(2, 2, 5, 6)]),
    (lambda: MaxPool3d((2, 1, 3), ceil_mode=True), [(1, 2, 3, 4, 5)]),
    (lambda: AvgPool1d(3, 2, 1, ceil_mode=True), [(2, 3, 8)]),
    (lambda: AvgPool2d(3, 2, 1, count_include_pad=False), [(2, 2, 5, 6)]),
    (lambda: AvgPool3d(2, 1, "same"), [(1, 2, 3, 4, 5)]),
    (lambda: AdaptiveAvgPool1d(3), [(2, 3, 8)]),
    (lambda: AdaptiveAvgPool2d((3, None)), [(2, 2, 5, 4)]),
    (lambda: AdaptiveAvgPool3d(2), [(1, 2, 3, 4, 5)]),
    (GlobalAvgPool, [(2, 3, 4, 5)]),
    (lambda: GlobalMaxPool(keepdims=True), [(2, 3, 4, 5)]),
    (lambda: Upsample(2), [(2, 3, 4)]),
    (lambda: Upsample((2, 3), "bilinear"), [(2, 2, 3, 4)]),
    (lambda: Upsample(2, "linear", align_corners=True), [(1, 2, 3, 2, 4)]),
    (lambda: PixelShuffle(2), [(2, 8, 3, 2)]),
    (lambda: PixelUnshuffle(2), [(2, 2, 4, 6)]),
    (Tied, [(3, 4)]),
    (SharedLayer, [(3, 5)]),
    (lambda: Twice(Add()), [(3, 5)]),
    (lambda: Twice(Concat()), [(3, 5)]),
]


@pytest.mark.parametrize(("make", "shapes"), CASES, ids=[f"{make()}-{shapes}" for make, shapes in CASES])
def test_gradients_agree_with_finite_differences(make, shapes):
    check_gradients(make(), *shapes)


def test_every_layer_is_checked():
    checked = {type(make()) for make, _ in CASES}
    assert [name for name in layers.__all__ if getattr(layers, name) not in checked] == []


class Scale(Layer):
    """y = gain x, with gradients off by the factors `wrong_x` and `wrong_gain`."""

    def __init__(self, wrong_x=1.0, wrong_gain=1.0):
        self.wrong_x, self.wrong_gain = wrong_x, wrong_gain
        self.gain = Param((4,), initializers.normal(1.0))

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x})

    def forward(self, x, gain, y):
        np.multiply(x, gain, out=y)

    def backward(self, x, gain, dy, dx, dgain):
        np.multiply(self.wrong_x * gain, dy, out=dx)
        dgain[...] = self.wrong_gain * (x * dy).sum(0)


def test_a_right_layer_passes():
    assert check_gradients(Scale(), (3, 4)) < 1e-8


@pytest.mark.parametrize("wrong", [{"wrong_x": 1.001}, {"wrong_gain": 1.001}, {"wrong_x": -1.0}, {"wrong_gain": 0.0}])
def test_a_planted_wrong_gradient_is_caught(wrong):
    with pytest.raises(GradientError, match="Scale: gradients differ from finite differences by"):
        check_gradients(Scale(**wrong), (3, 4))


def test_a_gradient_that_is_not_finite_is_caught():
    with pytest.raises(GradientError, match="nan"):
        check_gradients(Scale(wrong_x=np.nan), (3, 4))
