"""Rows of a table by index."""

from __future__ import annotations

import numpy as np
import pytest
from layers.outcomes import outcome

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Embedding

INDEX = np.array([[0, 2, 2], [4, 1, 0]], "int64")


def ramp(generator, shape):
    return np.arange(np.prod(shape), dtype="float64").reshape(shape)


def test_rows_and_their_gradient():
    found = outcome(Embedding(5, 3, table_init=ramp), INDEX)
    np.testing.assert_array_equal(found.y, ramp(None, (5, 3))[INDEX])
    wanted = np.zeros((5, 3), "float32")
    np.add.at(wanted, INDEX, found.weights)
    np.testing.assert_allclose(found.parameters["table"], wanted, rtol=1e-6)


def test_the_row_of_padding_is_0_and_gets_no_gradient():
    found = outcome(Embedding(5, 3, padding=2, table_init=ramp), INDEX)
    assert not found.y[INDEX == 2].any()
    assert found.y[INDEX != 2].any(-1)[1:].all()
    assert not found.parameters["table"][2].any()
    assert found.parameters["table"][[0, 1, 4]].all()


@pytest.mark.parametrize("wrong", [5, -1])
def test_an_index_without_a_row_is_refused(wrong):
    index = Input((2,), "int32", name="words")
    layer = Embedding(5, 3)
    program = Program([index], layer(index), ParamArena(layer))
    with pytest.raises(GraphError, match=rf"words expects integers in 0 .. 5-1, got {wrong}"):
        program.forward(np.array([0, wrong], "int32"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Embedding(0, 3), r"Embedding expects a positive count and width, got \(0, 3\)"),
        (lambda: Embedding(2.5, 3), r"Embedding expects a positive count and width, got \(2.5, 3\)"),
        (lambda: Embedding(5, 3, padding=5), "Embedding expects padding in 0 .. 4 or None, got 5"),
        (lambda: Embedding(5, 3, padding=1.5), "Embedding expects padding in 0 .. 4 or None, got 1.5"),
        (lambda: Embedding(5, 3, dtype="int32"), 'Embedding expects dtype "float32" or "float64", got \'int32\''),
        (lambda: Embedding(5, 3)(Input((2,), "bool")), r"Embedding\(5, 3\) expects integers, got \(2,\) bool"),
        (lambda: Embedding(5, 3)(Input((2,))), r"Embedding\(5, 3\) expects integers, got \(2,\) float32"),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(GraphError, match=message):
        make()
