"""Derivatives: against finite differences and closed forms, at kinks, by every argument, and those given by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from fusegrad import expr
from fusegrad.expr import (
    ExpressionError,
    Function,
    clip,
    erf,
    exp,
    expm1,
    function,
    log,
    maximum,
    softplus,
    tanh,
    where,
)

X = np.linspace(-2.73, 2.91, 57)  # none of these is a kink of the functions below
POSITIVE = np.linspace(0.5, 2.9, 57)
A, B = np.meshgrid(np.linspace(-2.7, 2.9, 9), np.linspace(-1.9, 2.2, 8))
INF, NAN = math.inf, math.nan


def differences(f: Callable[..., np.ndarray], points: list[np.ndarray], place: int) -> np.ndarray:
    """∂f/∂points[place] by the five-point rule."""
    step = 1e-3

    def at(distance: float) -> np.ndarray:
        return f(*(p + distance * step if i == place else p for i, p in enumerate(points)))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)


def check(f: Function, points: list[np.ndarray]) -> None:
    """First and second derivatives by all arguments."""
    for i in range(len(points)):
        first = f.derivative(i)
        np.testing.assert_allclose(first(*points), differences(f, points, i), rtol=1e-8, atol=1e-8)
        for j in range(len(points)):
            second = first.derivative(j)
            np.testing.assert_allclose(second(*points), differences(first, points, j), rtol=1e-8, atol=1e-8)


ONE = {
    "neg": (lambda x: -x, X),
    "exp": (lambda x: exp(x), X),
    "expm1": (lambda x: expm1(x), X),
    "log": (lambda x: log(x), POSITIVE),
    "log1p": (lambda x: expr.log1p(x), POSITIVE - 0.9),
    "tanh": (lambda x: tanh(x), X),
    "sigmoid": (lambda x: expr.sigmoid(x), X),
    "sqrt": (lambda x: expr.sqrt(x), POSITIVE),
    "abs": (lambda x: abs(x) * x, X),
    "sign": (lambda x: expr.sign(x) * exp(x), X),
    "erf": (lambda x: erf(x), X),
    "erfc": (lambda x: expr.erfc(x), X),
    "min": (lambda x: expr.minimum(exp(x), 0.77), X),
    "max": (lambda x: maximum(exp(x), 0.77), X),
    "where <": (lambda x: where(x < 0.123, exp(x), tanh(x)), X),
    "where <=": (lambda x: where(x <= 0.123, exp(x), tanh(x)), X),
    "where >": (lambda x: where(x > 0.123, exp(x), tanh(x)), X),
    "where >=": (lambda x: where(x <= 0.123, exp(x), tanh(x)), X),
    "constant": (lambda x: 3.0, X),
    "cube": (lambda x: x**3, X),
    "power": (lambda x: x**2.5, POSITIVE),
    "negative power": (lambda x: x**-1.7, POSITIVE),
    "exponential": (lambda x: 1.7**x, X),
    "softplus": (lambda x: softplus(x), X),
    "softplus inside": (lambda x: softplus(x * x - 1), X),
    "clip": (lambda x: clip(exp(x), 0.3, 2.2), X),
    "shared nodes": (lambda x: tanh(x * x) * exp(tanh(x * x)), X),
}
TWO = {
    "add": lambda a, b: a + tanh(b),
    "sub": lambda a, b: tanh(a) - b * b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 1),
    "div by itself": lambda a, b: b / (a * a + 2) / (b * b + 1),
    "pow": lambda a, b: (a * a + 0.5) ** b,
    "min": lambda a, b: expr.minimum(a * a, b * 1.01) * b,
    "max": lambda a, b: maximum(a * b, b * 1.01 + 0.003) * a,
    "where": lambda a, b: where(a < b * 1.01, a * b * b, a - b),
    "cancelled": lambda a, b: (a - b) * (a + b) - a * a,
}


@pytest.mark.parametrize(("formula", "points"), ONE.values(), ids=ONE)
def test_one_argument_against_differences(formula, points):
    check(function(formula), [points])


@pytest.mark.parametrize("formula", TWO.values(), ids=TWO)
def test_two_arguments_against_differences(formula):
    check(function(formula), [A, B])


def test_every_primitive_is_here():
    reached = {n.op for f, _ in ONE.values() for n in expr.node.topological([function(f).output])}
    reached |= {n.op for f in TWO.values() for n in expr.node.topological([function(f).output])}
    assert set(expr.primitives.PRIMITIVES) <= reached


CLOSED = {
    "exp": (lambda x: exp(x), np.exp),
    "tanh": (lambda x: tanh(x), lambda x: 1 / np.cosh(x) ** 2),
    "sigmoid": (lambda x: expr.sigmoid(x), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "erf": (lambda x: erf(x), lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
    "erfc": (lambda x: expr.erfc(x), lambda x: -2 / math.sqrt(math.pi) * np.exp(-x * x)),
    "softplus": (lambda x: softplus(x), lambda x: 1 / (1 + np.exp(-x))),
    "x**3": (lambda x: x**3, lambda x: 3 * x * x),
    "2**x": (lambda x: 2**x, lambda x: math.log(2) * 2**x),
    "abs": (lambda x: abs(x), np.sign),
}


@pytest.mark.parametrize(("formula", "slope"), CLOSED.values(), ids=CLOSED)
def test_closed_forms(formula, slope):
    x = np.concatenate([X, [0.0]])
    np.testing.assert_allclose(function(formula).derivative()(x), slope(x), rtol=1e-13)


KINKS = {
    "relu": (lambda x: maximum(x, 0), 0.0, 0.0),
    "relu, the other way round": (lambda x: maximum(0, x), 0.0, 0.0),
    "-relu(-x)": (lambda x: expr.minimum(x, 0), 0.0, 0.0),
    "abs": (lambda x: abs(x), 0.0, 0.0),
    "abs at -0": (lambda x: abs(x), -0.0, 0.0),
    "sign": (lambda x: expr.sign(x), 0.0, 0.0),
    "relu6 at 6": (lambda x: clip(x, 0, 6), 6.0, 0.0),
    "tie of equal slopes": (lambda x: maximum(2 * x, x + x), 1.0, 2.0),
    "where > at the bound": (lambda x: where(x > 1, 5 * x, 7 * x), 1.0, 7.0),
    "where >= at the bound": (lambda x: where(x >= 1, 5 * x, 7 * x), 1.0, 5.0),
}


@pytest.mark.parametrize(("formula", "x", "slope"), KINKS.values(), ids=KINKS)
def test_kinks(formula, x, slope):
    assert function(formula).derivative()(np.array([x])) == slope


def test_a_tie_gives_all_to_one_operand():
    a = np.array([1.5, -2.0, 0.0])
    for f in (function(lambda a, b: maximum(a, b)), function(lambda a, b: expr.minimum(a, b))):
        np.testing.assert_array_equal(f.derivative("a")(a, a), 0)
        np.testing.assert_array_equal(f.derivative("b")(a, a), 1)


def test_what_is_not_chosen_need_not_be_finite():
    x = np.array([-1.0, 0.0, 4.0])
    np.testing.assert_array_equal(function(lambda x: where(x > 0, expr.sqrt(x), 0)).derivative()(x), [0, 0, 0.25])
    np.testing.assert_array_equal(function(lambda x: where(x > 0, log(x), x)).derivative()(x), [1, 1, 0.25])
    np.testing.assert_array_equal(function(lambda x: maximum(exp(1000 * x), -1) * 0).derivative()(np.array([5.0])), [0])


def test_derivatives_by_name_place_and_number():
    f = function(lambda u, v, *, a: a * u * u * v)
    u, v = np.array([2.0, 3.0]), np.array([5.0, 7.0])
    np.testing.assert_array_equal(f.derivative("u")(u, v, a=0.5), u * v)
    np.testing.assert_array_equal(f.derivative(1)(u, v, a=0.5), 0.5 * u * u)
    np.testing.assert_array_equal(f.derivative("a")(u, v, a=0.5), u * u * v)
    with pytest.raises(ExpressionError, match=r"has no argument 'w', only \['u', 'v', 'a'\]"):
        f.derivative("w")


def test_an_argument_that_is_not_needed_has_derivative_0():
    f = function(lambda u, v: u * u)
    np.testing.assert_array_equal(f.derivative("v")(np.ones(2), np.ones(2)), [0, 0])


def test_the_derivative_by_an_argument_ignores_equal_names_inside():
    inner = function(lambda x, y: x - 2 * y)
    f = function(lambda x, y: inner(y, x))
    np.testing.assert_array_equal(f.derivative("x")(np.ones(1), np.ones(1)), [-2])


def test_own_derivatives_are_used_wherever_the_function_is():
    marked = function(lambda x: tanh(x), derivative=lambda x: 1 - tanh(x) ** 2 + 0 * x, name="marked")
    f = function(lambda x: marked(2 * x) * x)
    check(f, [X])
    assert softplus.derivative().output is expr.sigmoid(expr.node.argument("x"))


def test_softplus_does_not_cancel():
    slope = softplus.derivative()(np.array([-700.0, -40.0, 40.0, 700.0]))
    np.testing.assert_allclose(slope, [math.exp(-700), math.exp(-40), 1, 1], rtol=1e-14)


WRONG = {
    "a factor": (lambda x: tanh(x), {"derivative": lambda x: 2 * (1 - tanh(x) ** 2)}),
    "a sign": (lambda x: exp(x), {"derivative": lambda x: -exp(x)}),
    "nan": (lambda x: tanh(x), {"derivative": lambda x: where(x > 19.5, NAN, 1 - tanh(x) ** 2)}),
    "from the output": (lambda x: tanh(x), {"derivative_from_output": lambda y: 1 - y}),
    "of another": (lambda x: where(x > 0, x, -0.1 * x), {"derivative_from_output": lambda y: where(y > 0, 1, -0.1)}),
    "a constant": (lambda x: x * x, {"derivative": lambda x: 2.0}),
}


@pytest.mark.parametrize(("formula", "given"), WRONG.values(), ids=WRONG)
def test_a_wrong_derivative_is_refused_when_it_is_made(formula, given):
    (claim,) = given
    with pytest.raises(ExpressionError, match=rf"wrong: {claim} gives .* at x = .*, the function has "):
        function(formula, name="wrong", **given)


def test_a_right_derivative_is_accepted():
    function(lambda x: tanh(x), derivative=lambda x: 1 - tanh(x) ** 2, derivative_from_output=lambda y: 1 - y * y)
    function(lambda x: maximum(x, 0), derivative=lambda x: where(x > 0, 1, 0))
    function(lambda x: log(x), derivative=lambda x: 1 / x)  # the function has no value below 0
    function(lambda x: exp(x), derivative_from_output=lambda y: y)


def test_own_derivatives_by_two_arguments():
    def slopes(a, b):
        common = 1 - tanh(a * b) ** 2
        return common * b, common * a

    f = function(lambda a, b: tanh(a * b), derivative=slopes, name="f")
    check(f, [A, B])
    check(function(lambda u, v: f(u * v, v) + u), [A, B])
    with pytest.raises(ExpressionError, match="f has 2 arguments, but derivative= gives 1"):
        function(lambda a, b: a * b, derivative=lambda a, b: b, name="f")
    with pytest.raises(ExpressionError, match=r"f: derivative gives .* at b = .*, the function has "):
        function(lambda a, b: a * b, derivative=lambda a, b: (b, 2 * a), name="f")


NO_DERIVATIVE = {
    "two arguments": (lambda a, b: a * b, {"derivative_from_output": lambda y: y}),
    "numbers": (lambda x, *, a: a * x, {"derivative": lambda x: x}),
    "two outputs": (lambda x: (x, x), {"derivative": lambda x: x}),
}


@pytest.mark.parametrize(("formula", "given"), NO_DERIVATIVE.values(), ids=NO_DERIVATIVE)
def test_what_cannot_have_a_derivative_of_its_own(formula, given):
    with pytest.raises(ExpressionError, match="needs one output, no scalars, and one argument"):
        function(formula, **given)
