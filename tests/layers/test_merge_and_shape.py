"""Layers that join Values or change their shape."""

from __future__ import annotations

import numpy as np
import pytest

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Add, Concat, Flatten, Reshape


def run(function, *arrays):
    values = [Input(array.shape, str(array.dtype)) for array in arrays]
    return Program(values, function(*values), ParamArena([], precision="float64")).forward(*arrays)


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_concat_is_numpys(axis):
    parts = [numbers(2, 3, 4), numbers(2, 3, 4) + 1, numbers(2, 3, 4) + 2]
    np.testing.assert_array_equal(run(Concat(axis), *parts), np.concatenate(parts, axis))


def test_the_others():
    x = numbers(2, 3, 4)
    np.testing.assert_array_equal(run(Flatten(), x), x.reshape(2, 12))
    np.testing.assert_array_equal(run(Reshape(4, -1), x), x.reshape(4, 6))
    np.testing.assert_array_equal(run(Add(), x, x[0]), x + x[0])


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (
            Concat(),
            [(2, 3), (3, 3)],
            r"Concat\(axis=-1\) expects inputs like \(2, 3\) float32 but for axis 1, got \(3, 3\)",
        ),
        (Concat(), [(2, 3), (2, 3, 1)], r"Concat\(axis=-1\) expects inputs like .*, got \(2, 3, 1\)"),
        (Concat(2), [(2, 3)], r"Concat\(axis=2\) expects an axis that 2 axes have, got 2"),
        (Concat(), [], r"Concat\(axis=-1\) expects at least one input, got none"),
        (Add(), [(2, 3), (4,)], r"Add expects shapes that broadcast, got \(2, 3\) and \(4,\)"),
        (Reshape(5, -1), [(2, 3)], r"Reshape expects a shape of 6 elements for \(2, 3\), got \(5, -1\)"),
        (Reshape(-1, -1), [(2, 3)], r"Reshape expects a shape of 6 elements .*, got \(-1, -1\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(layer, shapes, message):
    with pytest.raises(GraphError, match=message):
        layer(*map(Input, shapes))
