"""Tracing: equal expressions are one object, simple ones get simpler, and what cannot be traced is refused clearly."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from fusegrad import expr
from fusegrad.expr import ExpressionError, erf, exp, expm1, function, maximum, node, softplus, tanh, where
from fusegrad.expr.node import argument, constant, topological

x, y, z = map(argument, "xyz")


def test_equal_expressions_are_the_same_object():
    first, second = (tanh(x * y + 1) * exp(x * y + 1) for _ in range(2))
    assert first is second
    assert len(topological([first])) == 8  # x, y, x y, 1, the sum, tanh, exp, the product


def test_different_expressions_are_not():
    assert x - y is not y - x
    assert constant(0.0) is not constant(-0.0)
    assert constant(float("nan")) is constant(float("nan"))
    assert (x < y) is not (x <= y)


def test_numbers_are_exact():
    assert (x * 0.1).args[1].value == 0.1
    assert (x + np.float32(0.1)).args[1].value == float(np.float32(0.1))


SIMPLER = {
    "x * 1": (x * 1, x),
    "1 * x": (1 * x, x),
    "x + 0": (x + 0, x),
    "0 + x": (0 + x, x),
    "x - 0": (x - 0, x),
    "x / 1": (x / 1, x),
    "x * 0": (x * 0, constant(0.0)),
    "0 * x": (0 * x, constant(0.0)),
    "0 / x": (0 / x, constant(0.0)),
    "x - x": (x - x, constant(0.0)),
    "0 - x": (0 - x, -x),
    "x * -1": (x * -1, -x),
    "-(-x)": (-(0 - x), x),
    "-(x - y)": (-(x - y), y - x),
    "x - -y": (x - -y, x + y),
    "x + -y": (x + -y, x - y),
    "-x + y": (-x + y, y - x),
    "-x * -y": (-x * -y, x * y),
    "-x * y": (-x * y, -(x * y)),
    "-x / y": (-x / y, -(x / y)),
    "2 * (3 * x)": (2 * (3 * x), x * 6),
    "2 + (3 + x)": (2 + (3 + x), x + 5),
    "x / 4": (x / 4, x * 0.25),
    "x ** 0": (x**0, constant(1.0)),
    "x ** 1": (x**1, x),
    "x ** 2": (x**2, x * x),
    "x ** 3": (x**3, x * x * x),
    "x ** -1": (x**-1, 1 / x),
    "x ** -2": (x**-2, 1 / (x * x)),
    "x ** 0.5": (x**0.5, expr.sqrt(x)),
    "+x": (+x, x),
    "max(x, x)": (maximum(x, x), x),
    "max(0, x)": (maximum(0, x), maximum(x, 0)),
    "where(c, x, x)": (where(x > y, x, x), x),
    "where(c, where(c, x, y), z)": (where(x < y, where(x < y, x, y), z), where(x < y, x, z)),
    "where(c, x, where(c, y, z))": (where(x < y, x, where(x < y, y, z)), where(x < y, x, z)),
    "y * where(c, 1, 0)": (y * where(x < 0, 1, 0), where(x < 0, y, 0)),
}


@pytest.mark.parametrize(("made", "expected"), SIMPLER.values(), ids=SIMPLER)
def test_simplification(made, expected):
    assert made is expected


def test_a_quotient_by_no_power_of_two_stays():
    assert (x / 3).op == "div"


FOLDED = {
    "2 + 3": (lambda: constant(2) + 3, 5),
    "exp": (lambda: exp(1), math.e),
    "erf": (lambda: erf(0.5), math.erf(0.5)),
    "erfc": (lambda: expr.erfc(2), math.erfc(2)),
    "sigmoid": (lambda: expr.sigmoid(0), 0.5),
    "where": (lambda: where(constant(1) < 2, 3, 4), 3),
    "where not": (lambda: where(constant(2) <= 1, 3, 4), 4),
    "log 0": (lambda: expr.log(0), -math.inf),
    "1 / 0": (lambda: 1 / constant(0), math.inf),
    "power": (lambda: 2 ** constant(10), 1024),
}


@pytest.mark.parametrize(("make", "expected"), FOLDED.values(), ids=FOLDED)
def test_constants_are_folded(make, expected):
    assert make() is constant(expected)


def test_folding_gives_nan_without_a_warning():
    assert math.isnan(expr.sqrt(-1).value)
    assert math.isnan((constant(math.inf) - math.inf).value)


NUMPY = {
    "exp": (lambda x: np.exp(x), lambda x: exp(x)),
    "maximum": (lambda x: np.maximum(x, 0), lambda x: maximum(x, 0)),
    "minimum of a number": (lambda x: np.minimum(0, x), lambda x: expr.minimum(x, 0)),
    "absolute": (lambda x: np.abs(x), abs),
    "where": (lambda x: np.where(x > 0, x, 0), lambda x: where(x > 0, x, 0)),
    "scalar on the left": (lambda x: np.float64(2) * x, lambda x: 2 * x),
    "power": (lambda x: np.power(x, 2), lambda x: x * x),
    "negative": (lambda x: np.negative(x), lambda x: -x),
}


@pytest.mark.parametrize(("by_numpy", "by_expr"), NUMPY.values(), ids=NUMPY)
def test_numpy_functions_are_traced(by_numpy, by_expr):
    assert by_numpy(x) is by_expr(x)


REFUSED = {
    "if": (lambda x: x if x > 0 else -x, r"\(0.0 < x\) has no truth value while it is traced; .* where\("),
    "math": (lambda x: math.exp(x), "x has no value while it is traced; use the functions of fusegrad.expr"),
    "unknown ufunc": (lambda x: np.cosh(x), "np.cosh cannot be traced"),
    "misspelt ufunc": (lambda x: np.exp2(x), 'np.exp2 cannot be traced; perhaps you meant "exp"?'),
    "unknown function": (lambda x: np.clip(x, 0, 1), "np.clip cannot be traced; use the functions of fusegrad.expr"),
    "reduction": (lambda x: np.add.reduce(x), "np.add cannot be traced"),
    "array": (lambda x: x * np.ones(3), "an expression is made of numbers, got ndarray"),
    "equality": (lambda x: where(x == 0, 1, x), "x cannot be compared for equality; choose by <"),
    "inequality": (lambda x: where(x != 0, 1, x), "x cannot be compared for equality; choose by <"),
    "condition as a number": (lambda x: (x > 0) * x, r"\(0.0 < x\) is a condition, not a number"),
    "condition in a function": (lambda x: exp(x > 0), r"\(0.0 < x\) is a condition, not a number"),
    "condition returned": (lambda x: x > 0, r"returns the condition \(0.0 < x\), where a number is expected"),
    "where without comparison": (lambda x: where(x, 1, 2), "where expects a comparison such as x > 0, got x"),
    "builtin max": (lambda x: max(x, 0), "has no truth value while it is traced"),
    "builtin min": (lambda x: min(x, 1), "has no truth value while it is traced"),
    "chained comparison": (lambda x: where(0 < x < 1, x, 0), "has no truth value while it is traced"),
    "str": (lambda x: x + "a", "an expression is made of numbers, got str"),
    "complex": (lambda x: x * 1j, "an expression is made of numbers, got complex"),
    "nothing returned": (lambda x: None, "an expression is made of numbers, got NoneType"),
    "*args": (lambda *args: args[0], r"of named parameters, without \* or \*\*"),
    "**options": (lambda x, **options: x, r"of named parameters, without \* or \*\*"),
    "no arguments": (lambda: 1.0, "no positional parameter"),
}


@pytest.mark.parametrize(("formula", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_traced_is_refused(formula, message):
    with pytest.raises(ExpressionError, match=message):
        function(formula)


def test_a_misspelt_constant_is_refused():
    with pytest.raises(ExpressionError, match=r"has no keyword-only parameter \['beta'\]"):
        function(lambda x, *, alpha: alpha * x, beta=2)


@pytest.mark.parametrize("call", [lambda f: f(x), lambda f: f(x, y, z), lambda f: f(x, y), lambda f: f(x, y, b=1)])
def test_a_call_with_wrong_arguments_is_refused(call):
    f = function(lambda u, v, *, a: a * u + v, name="affine")
    with pytest.raises(ExpressionError, match=r"affine expects \(u, v, a=\), got [123] operands"):
        call(f)


def test_a_function_of_several_outputs_has_no_single_one():
    pair = function(lambda x: (x, -x), name="pair")
    with pytest.raises(ExpressionError, match="pair has 2 outputs, where one is expected"):
        _ = pair.output


def test_functions_are_composed():
    f, g = function(lambda a, b: a * b + 1), function(lambda u: tanh(u))
    h = function(lambda x, y: f(g(x), 2) - g(y))
    assert h.output is (tanh(x) * 2 + 1) - tanh(y)
    assert function(h) is h
    first, second = function(lambda a: (a + 1, a * 2))(tanh(x))
    assert first is tanh(x) + 1
    assert second is tanh(x) * 2


def test_a_function_with_a_derivative_of_its_own_stays_a_node():
    made = softplus(tanh(x))
    assert made.op == "named"
    assert repr(made) == "softplus(tanh(x))"


def test_constants_and_numbers():
    f = function(lambda x, *, alpha, beta, gamma=3.0: alpha * x + beta * gamma, alpha=2.0)
    assert (f.arguments, f.scalars) == (("x",), ("beta",))
    assert f.output is x * 2 + argument("beta") * 3.0
    assert f(x, beta=0.5) is x * 2 + 1.5


def test_names():
    def swish(x):
        return x * expr.sigmoid(x)

    assert str(function(swish)) == "swish"
    assert str(function(swish, name="silu")) == "silu"
    assert str(function(lambda x: x * expr.sigmoid(x))) == "(x * sigmoid(x))"


def test_a_formula_that_shares_nodes_is_spelled_in_bounded_time():
    def iterated(x):
        for _ in range(200):
            x = x * x + 1
        return x

    f = function(lambda x: iterated(x))
    assert len(topological([f.output])) == 402
    assert len(str(f)) < 10_000
    assert "…" in str(f)


def test_a_deep_formula_is_traced_and_differentiated_without_recursion():
    def deep(x):
        for _ in range(3000):
            x = tanh(x)
        return x

    assert np.isfinite(function(deep).derivative()(np.ones(3))).all()


def test_called_on_arrays_it_computes_in_their_dtype():
    f = function(lambda x, y, *, a: a * x + y)
    single, double = np.ones((2, 3), np.float32), np.ones((2, 1))
    assert f(single, single, a=0.5).dtype == np.float32
    assert f(single, double, a=0.5).dtype == np.float64
    assert f(single, double, a=0.5).shape == (2, 3)
    assert f(single, 1, a=0.5).dtype == np.float32
    assert f(1.0, 2.0, a=3.0).dtype == np.float64
    np.testing.assert_array_equal(f(single, double, a=0.5), np.full((2, 3), 1.5))


def test_a_choice_of_two_numbers_has_the_dtype_of_the_arrays():
    """Found by the tanh, which is another in float64."""
    x = np.ones(3, np.float32)
    np.testing.assert_array_equal(function(lambda x: tanh(where(x > 0, 0.5, 0.0)))(x), np.tanh(np.float32(0.5)))


def test_integers_are_computed_as_float64():
    result = function(lambda x: tanh(x))(np.arange(3))
    np.testing.assert_array_equal(result, np.tanh(np.arange(3.0)))


def test_a_constant_function_has_the_shape_of_its_argument():
    np.testing.assert_array_equal(function(lambda x: 2.0)(np.zeros((2, 2), np.float32)), np.full((2, 2), 2, np.float32))


def test_overflow_gives_infinity_without_a_warning():
    f = function(lambda x: (exp(x), 1 / expm1(x - x + 0 * x)))
    big, quotient = f(np.array([1e4, -1e4]))
    np.testing.assert_array_equal(big, [np.inf, 0])
    np.testing.assert_array_equal(quotient, [np.inf, np.inf])


def test_nodes_that_nobody_holds_are_forgotten():
    before = len(node._made)
    function(lambda x: tanh(x * 0.123456789) + 0.987654321)(np.ones(1))
    assert len(node._made) == before


def test_a_formula_needs_no_name():
    assert str(function(partial(lambda slope, x: slope * x, 2.0))) == "(x * 2.0)"


@pytest.mark.parametrize("formula", [lambda x: x % 2, lambda x: 3 // x, lambda x: where((x > 0) & (x < 1), x, 0)])
def test_operators_that_have_no_primitive_say_so(formula):
    with pytest.raises(ExpressionError, match="cannot be traced; nest where"):
        function(formula)
