"""Gated units, Maxout and PReLU: closed forms, PyTorch's values, and what does not fit."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers.outcomes import check_like_torch, numbers, outcome

from fusegrad import expr
from fusegrad.graph import GraphError, Input
from fusegrad.layers import GEGLU, GLU, Gated, Maxout, PReLU, ReGLU, SwiGLU
from fusegrad.ops import gated, maxout

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4)
settled = settings(derandomize=True, deadline=None, max_examples=10)


@settled
@given(shape=shapes, data=st.data())
def test_gated_units_are_pytorchs(shape, data):
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    nn = torch.nn.functional
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    shape[axis] *= 2
    x = numbers(*shape)
    check_like_torch(GLU(axis), lambda x: nn.glu(x, axis), x)
    for layer, function in ((SwiGLU, nn.silu), (GEGLU, nn.gelu), (ReGLU, nn.relu)):
        check_like_torch(layer(axis), lambda x, function=function: (lambda a, b: function(a) * b)(*x.chunk(2, axis)), x)


@settled
@given(shape=shapes, shared=st.booleans(), data=st.data())
def test_prelu_is_pytorchs(shape, shared, data):
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    x = numbers(data.draw(st.integers(1, 4)), *shape)
    slope = torch.full((1 if shared else shape[0],), 0.25, requires_grad=True)
    layer = PReLU(shared=shared)
    check_like_torch(layer, lambda x: torch.nn.functional.prelu(x, slope), x)
    found = outcome(layer, x)
    wanted = slope.grad.numpy()
    np.testing.assert_allclose(found.parameters["slope"], wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_slopes_belong_to_the_axis():
    x = -np.ones((2, 3, 4), "float32")
    layer = PReLU(-1, slope_init=lambda generator, shape: np.arange(np.prod(shape)).reshape(shape))
    np.testing.assert_array_equal(outcome(layer, x).y, np.broadcast_to(-np.arange(4.0), x.shape))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_maxout_takes_the_largest_of_neighbours(axis):
    x = numbers(6, 6, 6)
    y = outcome(Maxout(3, axis), x).y
    moved = np.moveaxis(x, axis, -1)
    wanted = moved.reshape(6, 6, 2, 3).max(-1)
    np.testing.assert_array_equal(y, np.moveaxis(wanted, -1, axis))


def test_the_gradient_goes_to_the_first_of_the_largest():
    x = np.array([[1, 3, 3, 2, 2, 2]], "float32")
    found = outcome(Maxout(3), x)
    (a, b) = found.weights[0]
    np.testing.assert_array_equal(found.gradients[0], [[0, a, 0, b, 0, 0]])


@pytest.mark.parametrize("backend", ["cpu", "emulated"])
def test_maxout_of_nan_is_nan(backend):
    x = np.array([[1, np.nan, 2, 1], [np.nan, 0, 1, np.inf]], "float32")
    np.testing.assert_array_equal(outcome(Maxout(2), x, backend=backend).y, [[np.nan, 2], [np.nan, np.inf]])


def test_maxout_takes_no_memory_in_a_step():
    x, y, which = numbers(400, 600), np.empty((400, 300), "float32"), np.empty((400, 300), "uint8")
    calls = maxout.forward.bound("numpy", x, y, which, 2, 1), maxout.backward.bound("numpy", y, which, x, 2, 1)
    for call in calls:
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < which.nbytes // 2


def test_a_gate_may_be_any_formula_under_any_names():
    x = numbers(3, 8)
    a, b = x[:, :4], x[:, 4:]
    y = outcome(Gated(lambda b, dy: b * expr.exp(dy)), x).y
    np.testing.assert_allclose(y, a * np.exp(b), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (GLU, (2, 3), r"GLU\(axis=-1\) expects two halves along axis 1, got \(2, 3\)"),
        (lambda: SwiGLU(2), (2, 4), r"SwiGLU\(axis=2\) expects an axis that 2 axes have, got 2"),
        (lambda: Maxout(1), (2, 4), "Maxout expects pieces from 2 to 255, got 1"),
        (lambda: Maxout(256), (2, 512), "Maxout expects pieces from 2 to 255, got 256"),
        (
            lambda: Maxout(3),
            (2, 4),
            r"Maxout\(3, axis=-1\) expects an extent that 3 divides along axis 1, got \(2, 4\)",
        ),
        (lambda: Gated(lambda a: a), (2, 4), r"Gated expects a formula of two arguments with one result, got one of"),
        (lambda: Gated(lambda a, b: a if b > 0 else b), (2, 4), "Gated expects a formula that can be traced: .*truth"),
        (PReLU, (4,), r"PReLU\(axis=1\) expects an axis that 1 axes have, got 1"),
    ],
)
def test_what_does_not_fit_is_named(make, shape, message):
    with pytest.raises(GraphError, match=message):
        make()(Input(shape))


def test_integers_are_refused():
    for layer in (GLU(), Maxout(2), PReLU()):
        with pytest.raises(GraphError, match="expects floating-point input, got"):
            layer(Input((2, 4), "int32"))


def test_another_number_of_channels_is_an_error():
    layer = PReLU()
    layer(Input((2, 3, 4)))
    with pytest.raises(GraphError, match=r"PReLU\(axis=1\) expects 3 channels along axis 1, got \(2, 5, 4\)"):
        layer(Input((2, 5, 4)))


@pytest.mark.parametrize("evaluator", ["numpy", "numba"])
def test_the_number_of_threads_changes_no_bit(evaluator, monkeypatch):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    x, dy = numbers(700, 1600), numbers(700, 800)
    found = []
    for threads in "13":
        monkeypatch.setenv("FUSEGRAD_THREADS", threads)
        y, dx = np.empty_like(dy), np.empty_like(x)
        gated.forward(GLU().function).at_once(evaluator, x, y, axis=1)
        gated.backward(GLU().function).at_once(evaluator, dy, x, dx, axis=1)
        found.append((y, dx))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    np.testing.assert_allclose(y, x[:, :800] / (1 + np.exp(-x[:, 800:])), rtol=1e-5, atol=1e-6)
