"""Arithmetic, slicing and reductions of Values: results as NumPy's, right gradients, errors that name the operation."""

from __future__ import annotations

import re
from operator import add, matmul, mul, sub, truediv

import numpy as np
import pytest

from fusegrad.graph import (
    GraphError,
    Input,
    ParamArena,
    Program,
    Spec,
    check_gradients,
    mean,
    normal,
    stop_gradient,
    sum,
)
from fusegrad.layers import Linear

GENERATOR = np.random.default_rng(0)


def evaluated(function, *arrays):
    values = [Input(array.shape, str(array.dtype)) for array in arrays]
    (result,) = Program(values, function(*values), ParamArena([], precision="float64")).evaluate(*arrays)
    return result


def numbers(*shape):
    return GENERATOR.uniform(0.5, 2, shape)


def check(function, *arrays):
    expected = function(*arrays)
    result = evaluated(function, *arrays)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result, expected, rtol=1e-13)


SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 4), (3, 1)),
    ((3, 1), (1, 4)),
    ((2, 3, 4), (3, 1)),
    ((4,), (2, 3, 4)),
    ((3, 4), ()),
    ((), ()),
]


@pytest.mark.parametrize("operator", [add, sub, mul, truediv])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_operators_broadcast_like_numpys(operator, shapes):
    a, b = (numbers(*shape) for shape in shapes)
    check(operator, a, b)

    def shifted(a, b):  # away from a division by zero
        return operator(a, b * b + 0.5)

    check_gradients(shifted, *shapes)


NUMBERS = {
    "x + 2": lambda x: x + 2,
    "2 + x": lambda x: 2 + x,
    "x - 2": lambda x: x - 2,
    "2 - x": lambda x: 2 - x,
    "3 * x": lambda x: 3 * x,
    "x * 3": lambda x: x * 3,
    "x / 4": lambda x: x / 4,
    "4 / x": lambda x: 4 / x,
    "-x": lambda x: -x,
    "x ** 2": lambda x: x**2,
    "x ** 3": lambda x: x**3,
    "x ** 0.5": lambda x: x**0.5,
    "x ** -1.5": lambda x: x**-1.5,
    "numpy scalars": lambda x: np.float32(2) * x + np.int64(3) - np.float64(0.5),
    "a formula": lambda x: (1 - x) * (2 / (x + 1) - x**2) / 3,
}


@pytest.mark.parametrize("function", NUMBERS.values(), ids=NUMBERS)
def test_operators_with_numbers(function):
    check(function, numbers(3, 4))
    check_gradients(lambda x: function(x * x + 0.5), (3, 4))


@pytest.mark.parametrize("shapes", [((3, 4), (4, 5)), ((1, 1), (1, 1)), ((2, 3, 4), (2, 4, 5))], ids=str)
def test_matrix_products(shapes):
    check(matmul, *(numbers(*shape) for shape in shapes))
    check_gradients(matmul, *shapes)


INDICES = [
    0,
    -1,
    slice(1, 3),
    (slice(None), 2),
    (..., slice(None, None, 2)),
    (1, slice(None, None, -1)),
    (1, 2, 0),
    ...,
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_slices(index):
    check(lambda x: x[index], numbers(3, 4, 5))
    check_gradients(lambda x: x[index], (3, 4, 5))


def test_slices_that_overlap_add_their_gradients():
    check_gradients(lambda x: x[:2] * x[1:] + x[0] + x[0], (3, 4))


AXES = [None, 0, 1, -1, (0, 2), (0, 1, 2), ()]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
def test_reductions(axis, keepdims):
    x = numbers(2, 3, 4)
    check(lambda x: x.sum(axis=axis, keepdims=keepdims), x)
    check(lambda x: x.mean(axis=axis, keepdims=keepdims), x)
    check_gradients(lambda x: x.sum(axis, keepdims) * 2, (2, 3, 4))
    check_gradients(lambda x: x.mean(axis, keepdims) * 2, (2, 3, 4))


def test_functions_and_methods_agree():
    x = numbers(2, 3)
    np.testing.assert_array_equal(evaluated(lambda x: sum(x, axis=1), x), evaluated(lambda x: x.sum(axis=1), x))
    np.testing.assert_array_equal(evaluated(lambda x: mean(x, 0, True), x), evaluated(lambda x: x.mean(0, True), x))


@pytest.mark.parametrize("shape", [(6,), (3, 2), (-1,), (2, -1, 1)], ids=str)
def test_reshape(shape):
    check(lambda x: x.reshape(*shape), numbers(2, 3))
    check_gradients(lambda x: x.reshape(*shape), (2, 3))


def test_stop_gradient_passes_the_values_on():
    check_of = numbers(2, 3)
    np.testing.assert_array_equal(evaluated(stop_gradient, check_of), check_of)


X = Input((3, 4), name="x")
REFUSED = {
    "Add expects shapes that broadcast, got (3, 4) and (3,)": lambda: X + Input((3,)),
    "Multiply expects floating-point inputs of one dtype, got (3, 4) float32 and (3, 4) float64": lambda: (
        X * Input((3, 4), "float64")
    ),
    "Subtract expects floating-point inputs of one dtype, got (3,) int32 and (3,) int32": lambda: (
        Input((3,), "int32") - Input((3,), "int32")
    ),
    "arithmetic on a Value expects a number or a Value, got str": lambda: X + "1",
    "arithmetic on a Value expects a number or a Value, got ndarray": lambda: np.ones(4) * X,
    "arithmetic on a Value expects a number or a Value, got complex": lambda: X * 1j,
    "MatMul expects a second input (…, 4, n) for (3, 4), got (3, 4)": lambda: X @ X,
    "MatMul expects a second input of 2 axes, 2 or more, got (4,)": lambda: X @ Input((4,)),
    "MatMul expects Values (see fg.Input), got ndarray": lambda: X @ np.ones((4, 2)),
    "Take expects an index that (3, 4) has, got (5,)": lambda: X[5],
    "Take expects an index of integers, slices and …, got [0, 1]": lambda: X[[0, 1]],
    "Take expects an index of integers, slices and …, got True": lambda: X[True],
    "Take expects an index that (3, 4) has, got (slice(1.5, None, None),): slice": lambda: X[1.5:],
    "Take expects an index that (3, 4) has, got (slice(None, None, 0),): slice step": lambda: X[::0],
    "Take expects an index that leaves something, got (slice(2, 2, None),)": lambda: X[2:2],
    "Total expects axes that 2 axes have, got 2": lambda: X.sum(axis=2),
    "Total expects axes that 2 axes have, got rows": lambda: X.sum(axis="rows"),
    "Total expects axes that 2 axes have, got (0, 1.5)": lambda: X.mean(axis=(0, 1.5)),
    "Total expects floating-point input, got (3,) int64": lambda: Input((3,), "int64").mean(),
    "Reshape expects a shape of 12 elements for (3, 4), got (5, 2)": lambda: X.reshape(5, 2),
}


@pytest.mark.parametrize(("message", "act"), REFUSED.items(), ids=list(REFUSED))
def test_operands_that_do_not_fit_are_named(message, act):
    with pytest.raises(GraphError, match=re.escape(message)):
        act()


def test_a_value_is_not_unpacked():
    with pytest.raises(TypeError, match="not iterable"):
        _, _, _ = X


def test_a_value_says_what_it_is():
    assert repr(X) == "Value((3, 4), float32, of x)"
    assert repr(X + X) == "Value((3, 4), float32, of Add)"
    assert str(Spec((2, 3), "float64")) == "(2, 3) float64"


def drawn(seed=0, step=0, shape=(200, 300), **options):
    noise = normal(shape, **options)
    arena = ParamArena([], seed=seed, backend="cpu")
    arena.step[...] = step
    (array,) = Program([], noise, arena).evaluate()
    return array


def test_noise_has_the_mean_and_the_spread_asked_for():
    array = drawn(mean=3.0, std=2.0)
    assert array.dtype == "float32"
    assert array.mean() == pytest.approx(3, abs=0.03)
    assert array.std() == pytest.approx(2, rel=0.01)
    assert drawn(dtype="float64").dtype == "float64"


def test_noise_is_a_function_of_seed_step_and_index():
    np.testing.assert_array_equal(drawn(1, 2), drawn(1, 2))
    np.testing.assert_array_equal(drawn(1, 2, shape=(5, 7)).ravel(), drawn(1, 2, shape=(100,))[:35])
    assert not np.array_equal(drawn(1, 2), drawn(1, 3))
    assert not np.array_equal(drawn(1, 2), drawn(2, 2))


def test_noise_is_drawn_anew_at_every_training_step_and_by_every_node():
    x = Input((1,))
    one, two = normal((50,)), normal((50,))
    head = Linear(1)
    program = Program([x], head((one + two).reshape(1, 50) * x).sum(), ParamArena(head), keep=[one, two], train=head)
    seen = []
    for _ in range(3):
        program.forward([1.0])
        seen += [program.read(one).tobytes(), program.read(two).tobytes()]
    assert len(set(seen)) == 6
