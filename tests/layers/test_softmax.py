"""Softmax and its logarithm along any axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers.outcomes import check_like_torch, numbers, outcome

from fusegrad.graph import GraphError, Input
from fusegrad.layers import LogSoftmax, Softmax


@settings(derandomize=True, deadline=None, max_examples=15)
@given(shape=st.lists(st.integers(1, 6), min_size=1, max_size=4), data=st.data())
def test_they_are_pytorchs(shape, data):
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = 5 * numbers(*shape)
    check_like_torch(Softmax(axis), lambda x: torch.softmax(x, axis), x)
    check_like_torch(LogSoftmax(axis), lambda x: torch.log_softmax(x, axis), x)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_large_numbers_stay_finite_and_sum_to_1(axis):
    x = 1e4 * numbers(3, 4, 5)
    np.testing.assert_allclose(outcome(Softmax(axis), x).y.sum(axis), 1, rtol=1e-6)
    assert np.isfinite(outcome(LogSoftmax(axis), x).y).all()


@pytest.mark.parametrize("layer", [Softmax, LogSoftmax])
def test_an_axis_that_is_not_there_is_an_error(layer):
    with pytest.raises(GraphError, match=rf"{layer.__name__}\(axis=2\) expects an axis that 2 axes have, got 2"):
        layer(2)(Input((3, 4)))
    with pytest.raises(GraphError, match=rf"{layer.__name__}\(axis=1.0\) expects an axis that 2 axes have, got 1.0"):
        layer(1.0)(Input((3, 4)))
    with pytest.raises(GraphError, match="expects floating-point input"):
        layer()(Input((3, 4), "int32"))
