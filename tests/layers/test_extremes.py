"""The larger and the smaller of two Values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.graph import sum as total
from fusegrad.layers import Maximum, Minimum, Sequential, Tanh

SHAPES = [((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 1)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3), (1, 1))]


def with_gradients(layer, *arrays, backend="cpu"):
    """The output for the arrays, and the gradients of the sum of its squares."""
    values = [Input(array.shape, array.dtype.name) for array in arrays]
    y = layer(*values)
    arena = ParamArena([], precision=arrays[0].dtype.name, backend=backend)
    program = Program(values, total(y * y), arena, gradients_of=values, keep=[y])
    program.forward(*arrays)
    program.backward()
    return [arena.backend.to_numpy(array) for array in (program.read(y), *map(program.gradient, values))]


@pytest.mark.parametrize(("layer", "ufunc"), [(Maximum, np.maximum), (Minimum, np.minimum)])
@pytest.mark.parametrize("backend", ["cpu", "emulated"])
def test_values_are_numpys(layer, ufunc, backend):
    generator = np.random.default_rng(0)
    for shapes in SHAPES:
        a, b = (generator.normal(size=shape).astype("float32") for shape in shapes)
        np.testing.assert_array_equal(with_gradients(layer(), a, b, backend=backend)[0], ufunc(a, b))


@given(
    shapes=st.sampled_from(SHAPES),
    numbers=st.integers(0, 2**32 - 1).map(np.random.default_rng),
    name=st.sampled_from(["maximum", "minimum"]),
)
@settings(derandomize=True, deadline=None, max_examples=20)
def test_values_and_gradients_are_torchs_also_where_both_are_equal(shapes, numbers, name):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    a, b = (numbers.integers(-2, 3, shape).astype("float32") for shape in shapes)
    x, t = (torch.tensor(array, requires_grad=True) for array in (a, b))
    y = getattr(torch, name)(x, t)
    (y * y).sum().backward()
    ours = with_gradients({"maximum": Maximum, "minimum": Minimum}[name](), a, b)
    for got, wanted in zip(ours, (y.detach(), x.grad, t.grad), strict=True):
        np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-6)


def test_a_function_behind_it_is_part_of_it():
    a, b = Input((3, 4)), Input((3, 4))
    program = Program([a, b], Sequential(Tanh())(Maximum()(a, b)), ParamArena([]))
    assert len(program.schedule.forward) == 1


@pytest.mark.parametrize("layer", [Maximum(), Minimum()])
def test_what_does_not_fit_is_named(layer):
    with pytest.raises(GraphError, match=rf"{layer} expects shapes that broadcast, got \(2, 3\) and \(4,\)"):
        layer(Input((2, 3)), Input((4,)))
    with pytest.raises(GraphError, match=rf"{layer} expects floating-point inputs of one dtype, got .* int64"):
        layer(Input((2, 3)), Input((2, 3), "int64"))
