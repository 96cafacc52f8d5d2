"""What a backward pass keeps: the output alone where the derivative follows from it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fusegrad import expr
from fusegrad.expr import (
    Function,
    clip,
    erf,
    exp,
    expm1,
    function,
    log,
    maximum,
    minimum,
    sigmoid,
    softplus,
    tanh,
    where,
)
from fusegrad.expr.evaluate import evaluate
from fusegrad.expr.node import Expr, argument, topological

SELU, SCALE = 1.6732632423543772, 1.0507009873554805


def elu(x: Expr, alpha: float) -> Expr:
    return where(x > 0, x, alpha * expm1(x))


OUTPUT_IS_ENOUGH = {
    "relu": lambda x: maximum(x, 0),
    "relu by where": lambda x: where(x > 0, x, 0),
    "leaky relu": lambda x: where(x > 0, x, 0.01 * x),
    "elu": lambda x: elu(x, 1),
    "elu of another alpha": lambda x: elu(x, 0.3),
    "selu": lambda x: where(x > 0, SCALE * x, SCALE * SELU * expm1(x)),
    "celu": lambda x: where(x > 0, x, 2.5 * expm1(x / 2.5)),
    "sigmoid": lambda x: sigmoid(x),
    "tanh": lambda x: tanh(x),
    "exp": lambda x: exp(x),
    "relu6": lambda x: clip(x, 0, 6),
    "hardtanh": lambda x: clip(x, -1, 1),
    "hard sigmoid": lambda x: clip(x / 6 + 0.5, 0, 1),
    "softplus": softplus,
    "affine": lambda x: 3 * x + 1,
    "constant": lambda x: 5.0,
    "scaled tanh": lambda x: 2 * tanh(0.5 * x + 1),
    "scaled sigmoid": lambda x: -(0.5 * sigmoid(x) / 3),
    "affine of relu": lambda x: 2 * maximum(3 * x, 0),
    "expm1": lambda x: expm1(x),
    "bounded tanh": lambda x: clip(tanh(x), -0.5, 0.75),
    "sqrt": lambda x: expr.sqrt(x * x + 1) * 0 + 2 * x,
}
ARGUMENT_IS_NEEDED = {
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * tanh(softplus(x)),
    "gelu": lambda x: x * (0.5 * (1 + erf(x * math.sqrt(0.5)))),
    "leaky relu of negative slope": lambda x: where(x > 0, x, -0.1 * x),
    "elu of negative alpha": lambda x: elu(x, -1),
    "raised below": lambda x: where(x > 0, x, 1.0),
    "another bound": lambda x: where(x > 1, x, 0.1 * x),
    "square": lambda x: x * x,
    "abs": lambda x: abs(x),
    "log": lambda x: log(x),
    "tanh, negative": lambda x: where(x > 0, -tanh(x), 0),
    "cosine-like": lambda x: tanh(x) * exp(-x),
    "shifted, which rounds small x away": lambda x: maximum(x, 0) + 1000,
    "sum of two": lambda x: tanh(x) + exp(x),
}


def read(slopes: tuple[Expr, ...]) -> set[str]:
    return {node.value for node in topological(slopes) if node.op == "argument"}


@pytest.mark.parametrize("formula", OUTPUT_IS_ENOUGH.values(), ids=OUTPUT_IS_ENOUGH)
def test_the_output_is_enough(formula):
    f = function(formula)
    assert read(f.kept_slopes) <= {"y"}
    compare(f)


@pytest.mark.parametrize("formula", ARGUMENT_IS_NEEDED.values(), ids=ARGUMENT_IS_NEEDED)
def test_the_argument_is_needed(formula):
    f = function(formula)
    assert read(f.kept_slopes) == {"x"}
    assert f.kept_slopes == (f.slope("x"),)


def compare(f: Function) -> None:
    """The slope by the output against the slope by the argument, at 1000 points, of which one is 0."""
    x = np.linspace(-8, 8, 1001)
    assert 0 in x
    (slope,) = evaluate(f.kept_slopes, {"x": x, "y": f(x)})
    # Of y = f(x) + c the rounding is that of c: the slope cannot be better than that.
    np.testing.assert_allclose(slope, f.derivative()(x), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("factor", [0.1, 0.3, 0.5, 0.7, 1 / 3, 1 / 7, 3, -1.3])
@pytest.mark.parametrize("bound", [-3, -0.7, 0, 0.1, 0.9, 3, 6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_a_bound_cuts_off_has_slope_0_whatever_it_is_scaled_by(factor, bound, dtype):
    beyond, cut_off = np.asarray([-20, 20], dtype), []
    for number, formula in zip(beyond, [lambda x: maximum(x, bound), lambda x: minimum(x, bound)], strict=True):
        for scaled in (lambda x, inner=formula: factor * inner(x), lambda x, inner=formula: inner(x) / factor):
            f, x = Function("f", ("x",), (), (scaled(argument("x")),)), np.full(1, number)
            cut_off += list(evaluate(f.kept_slopes, {"x": x, "y": f(x)})[0])
    assert cut_off == [0, 0, 0, 0]


def test_a_given_derivative_that_is_not_written_with_the_bound_needs_the_argument():
    f = function(lambda x: maximum(x, 0), derivative=lambda x: (expr.sign(x) + 1) * 0.5)
    assert read(f.kept_slopes) == {"x"}
    compare(f)
    assert read(function(lambda x: maximum(x, 0), derivative=lambda x: where(x > 0, 1, 0)).kept_slopes) == {"y"}


def test_every_argument_has_to_agree():
    assert read(function(lambda a, b: maximum(a + b, 0)).kept_slopes) == {"y"}
    assert read(function(lambda a, b: tanh(a + 2 * b)).kept_slopes) == {"y"}
    assert read(function(lambda a, b: a * b).kept_slopes) == {"a", "b"}
    assert read(function(lambda a, b: tanh(a) + b).kept_slopes) == {"a"}


def test_an_argument_called_y_is_no_output():
    f = function(lambda y: y * y)
    y = argument("y")
    assert f.kept_slopes == (f.slope("y"),)
    assert f.slope("y") is y + y
    assert read(function(lambda y: tanh(y)).kept_slopes) == {"y"}


def test_two_arguments_at_once():
    f = function(lambda a, b: tanh(a - 2 * b) * 3)
    a, b = np.random.default_rng(0).normal(size=(2, 1000))
    slopes = evaluate(f.kept_slopes, {"y": f(a, b)})
    for slope, name in zip(slopes, "ab", strict=True):
        np.testing.assert_allclose(slope, f.derivative(name)(a, b), rtol=1e-9, atol=1e-13)


def test_a_derivative_given_from_the_output_is_used():
    f = function(lambda x: x / (1 + abs(x)), derivative_from_output=lambda y: (1 - abs(y)) ** 2, name="softsign")
    assert read(f.kept_slopes) == {"y"}
    compare(f)


def test_composition_of_bounds():
    f = function(lambda x: minimum(maximum(2 * x - 1, -3), 4) * 0.5)
    assert read(f.kept_slopes) == {"y"}
    compare(f)
