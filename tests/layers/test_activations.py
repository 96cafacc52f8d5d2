"""Activations in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import ReLU, Sigmoid, Tanh

X = np.array([[-2.0, -0.5, 0.0], [0.5, 1.0, 3.0]])
FORMULAS = [
    (ReLU(), np.maximum(X, 0), np.where(X > 0, 1.0, 0.0)),
    (Sigmoid(), 1 / (1 + np.exp(-X)), np.exp(-X) / (1 + np.exp(-X)) ** 2),
    (Tanh(), np.tanh(X), 1 / np.cosh(X) ** 2),
]


@pytest.mark.parametrize(("layer", "y", "derivative"), FORMULAS, ids=str)
def test_values_and_derivatives(layer, y, derivative):
    x = Input(X.shape, "float64")
    output = layer(x)
    program = Program([x], output.sum(), ParamArena([], precision="float64"), keep=[output], gradients_of=[x])
    program.forward(X)
    program.backward()
    np.testing.assert_allclose(program.read(output), y, rtol=1e-14)
    np.testing.assert_allclose(program.gradient(x), derivative, rtol=1e-14)


@pytest.mark.parametrize("layer", [ReLU(), Sigmoid(), Tanh()], ids=str)
def test_integers_are_refused(layer):
    with pytest.raises(GraphError, match=rf"{layer} expects floating-point input, got \(2,\) int32"):
        layer(Input((2,), "int32"))
