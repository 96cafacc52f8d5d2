"""Activations: accuracy, special points and derivatives, by both evaluators and against whatever oracle is installed.

For a function f, computed at x in a dtype with the precision eps, the error is at most 8 eps · max(|f|, |x f'|, eps),
and that of its derivative, be it computed from x or from the output, at most 8 eps · (|f'| + 1).
"""

from __future__ import annotations

import math
from functools import lru_cache, partial

import numpy as np
import pytest

from fusegrad.expr import activations as act
from fusegrad.expr import function
from fusegrad.expr.activations import ACTIVATIONS
from fusegrad.expr.loop import loop
from fusegrad.expr.node import argument, rebuilt, topological
from fusegrad.expr.numba_loop import bind_numba
from fusegrad.expr.numba_text import numba_text
from fusegrad.expr.numpy_loop import bind_numpy
from fusegrad.expr.numpy_text import numpy_text

INF = math.inf
OTHERS = {
    "leaky_relu_up": act.leaky_relu(-0.5),
    "leaky_relu_steep": act.leaky_relu(3.0),
    "elu_2": act.elu(2.0),
    "celu_half": act.celu(0.5),
    "squareplus_1": act.squareplus(1.0),
    "threshold": act.threshold(1.0, -2.0),
    "hard_shrink_1": act.hard_shrink(1.0),
    "soft_shrink_1": act.soft_shrink(1.0),
}
CASES = {name: f for name, f in ACTIVATIONS.items() if name != "swish"} | OTHERS

# f(-inf), f'(-inf), f(inf), f'(inf); f'' is 0 at both unless f grows exponentially.
RISING = (0, 0, INF, 1)
LINEAR = (-INF, 1, INF, 1)
LIMITS = {
    "celu": (-1, 0, INF, 1),
    "celu_half": (-0.5, 0, INF, 1),
    "elu": (-1, 0, INF, 1),
    "elu_2": (-2, 0, INF, 1),
    "exponential": (0, 0, INF, INF),
    "gelu": RISING,
    "gelu_tanh": RISING,
    "hard_shrink": LINEAR,
    "hard_shrink_1": LINEAR,
    "hard_sigmoid": (0, 0, 1, 0),
    "hard_swish": RISING,
    "hard_tanh": (-1, 0, 1, 0),
    "identity": LINEAR,
    "leaky_relu": (-INF, 0.01, INF, 1),
    "leaky_relu_steep": (-INF, 3, INF, 1),
    "leaky_relu_up": (INF, -0.5, INF, 1),
    "log_sigmoid": (-INF, 1, 0, 0),
    "mish": RISING,
    "relu": RISING,
    "relu6": (0, 0, 6, 0),
    "selu": (-act.SELU_SCALE * act.SELU_ALPHA, 0, INF, act.SELU_SCALE),
    "sigmoid": (0, 0, 1, 0),
    "silu": RISING,
    "soft_shrink": LINEAR,
    "soft_shrink_1": LINEAR,
    "softplus": RISING,
    "softsign": (-1, 0, 1, 0),
    "squareplus": RISING,
    "squareplus_1": RISING,
    "tanh": (-1, 0, 1, 0),
    "threshold": (-2, 0, INF, 1),
}

# f' where f or f' bends, as PyTorch has it.
KINKS = {
    "celu": {0: 1},
    "celu_half": {0: 1},
    "elu": {0: 1},
    "elu_2": {0: 2},
    "hard_shrink": {-0.5: 0, 0.5: 0},
    "hard_shrink_1": {-1: 0, 1: 0},
    "hard_sigmoid": {-3: 0, 3: 0},
    "hard_swish": {-3: 0, 3: 1},
    "hard_tanh": {-1: 0, 1: 0},
    "leaky_relu": {0: 0.01},
    "leaky_relu_steep": {0: 3},
    "leaky_relu_up": {0: -0.5},
    "relu": {0: 0},
    "relu6": {0: 0, 6: 0},
    "selu": {0: act.SELU_SCALE * act.SELU_ALPHA},
    "soft_shrink": {-0.5: 0, 0.5: 0},
    "soft_shrink_1": {-1: 0, 1: 0},
    "softsign": {0: 1},
    "threshold": {1: 0},
}

KEEP_Y = {
    *("celu", "celu_half", "elu", "elu_2", "exponential", "hard_shrink", "hard_shrink_1", "hard_sigmoid", "hard_tanh"),
    *("leaky_relu", "leaky_relu_steep", "log_sigmoid", "relu", "relu6", "selu", "sigmoid", "soft_shrink"),
    *("soft_shrink_1", "softplus", "softsign", "squareplus", "squareplus_1", "tanh"),
}
KEEP_NOTHING = {"identity"}
KEEP_X = {"gelu", "gelu_tanh", "hard_swish", "leaky_relu_up", "mish", "silu", "threshold"}

EVALUATORS = [("numpy", "float32"), ("numpy", "float64"), ("numba", "float32")]
every_case = pytest.mark.parametrize("name", CASES)
every_evaluator = pytest.mark.parametrize("evaluator", EVALUATORS, ids="-".join)


def drawn():
    """Points that float32 has too, from 1e-8 to 1e4 and denser where functions bend."""
    draw = np.random.default_rng(0)
    magnitudes = 10.0 ** draw.uniform(-8, 4, 60)
    parts = [3 * draw.normal(size=160), draw.uniform(-20, 20, 60), draw.uniform(-110, 110, 40), magnitudes, -magnitudes]
    return np.concatenate([*parts, [-1e4, 1e4]]).astype("float32")


RANDOM = drawn()
SPECIAL = np.array([-INF, -0.0, 0.0, INF, math.nan])
BENDS = np.unique([at for kinks in KINKS.values() for at in kinks])
POINTS = np.concatenate([RANDOM, SPECIAL, BENDS])
at_random = slice(0, RANDOM.size)
at_special = slice(RANDOM.size, RANDOM.size + SPECIAL.size)


def quantities(name):
    """f, f', f'' and f' from what is kept, as expressions of x."""
    f = CASES[name]
    kept = rebuilt(f.kept_slopes[0], {argument("y"): f.output})
    return f.output, f.slope("x"), f.derivative().slope("x"), kept


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A function of evaluator and dtype that gives, by case, f, f', f'' and f' from what is kept, at POINTS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSEGRAD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield lru_cache(lambda evaluator, dtype: computed(evaluator, dtype))


def computed(evaluator, dtype):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="numba is not installed")
    bind = {"numpy": bind_numpy, "numba": bind_numba}[evaluator]
    names = list(CASES)
    arrays = {"x": POINTS.astype(dtype)}
    found = {}
    for group in (names[0::3], names[1::3], names[2::3]):  # fewer loops compile faster, but not a single one
        outputs = {f"{name}_{i}": e for name in group for i, e in enumerate(quantities(name))}
        arrays |= {output: np.empty(POINTS.size, dtype) for output in outputs}
        with np.errstate(all="ignore"):
            bind(loop("activations", outputs), arrays)()
    for name in names:
        found[name] = [arrays[f"{name}_{i}"].astype("float64") for i in range(4)]
    return found


def formulas(m):
    """The definitions, for the numbers of mpmath."""

    def sigmoid(x):
        return 1 / (1 + m.exp(-x))

    def softplus(x):
        return m.log1p(m.exp(x)) if x < 100 else x + m.exp(-x)  # less the square of that, 1e-87

    def clip(x, low, high):
        return min(max(x, m.mpf(low)), m.mpf(high))

    def expm1(x):
        return m.expm1(x) if x < 0 else x

    def cubic(x):
        return m.sqrt(2 / m.pi) * (x + m.mpf(0.044715) * x**3)

    return {
        "celu": expm1,
        "celu_half": lambda x: x if x > 0 else m.expm1(2 * x) / 2,
        "elu": expm1,
        "elu_2": lambda x: x if x > 0 else 2 * m.expm1(x),
        "exponential": m.exp,
        "gelu": lambda x: x * m.erfc(-x / m.sqrt(2)) / 2,
        "gelu_tanh": lambda x: x * sigmoid(2 * cubic(x)),
        "hard_shrink": lambda x: x if abs(x) > 0.5 else x * 0,
        "hard_shrink_1": lambda x: x if abs(x) > 1 else x * 0,
        "hard_sigmoid": lambda x: clip(x + 3, 0, 6) / 6,
        "hard_swish": lambda x: x * clip(x + 3, 0, 6) / 6,
        "hard_tanh": lambda x: clip(x, -1, 1),
        "identity": lambda x: x,
        "leaky_relu": lambda x: x if x > 0 else m.mpf(0.01) * x,
        "leaky_relu_steep": lambda x: x if x > 0 else 3 * x,
        "leaky_relu_up": lambda x: x if x > 0 else -x / 2,
        "log_sigmoid": lambda x: -softplus(-x),
        "mish": lambda x: x * m.tanh(softplus(x)),
        "relu": lambda x: max(x, m.mpf(0)),
        "relu6": lambda x: clip(x, 0, 6),
        "selu": lambda x: m.mpf(act.SELU_SCALE) * (x if x > 0 else m.mpf(act.SELU_ALPHA) * m.expm1(x)),
        "sigmoid": sigmoid,
        "silu": lambda x: x * sigmoid(x),
        "soft_shrink": lambda x: x - clip(x, -0.5, 0.5),
        "soft_shrink_1": lambda x: x - clip(x, -1, 1),
        "softplus": softplus,
        "softsign": lambda x: x / (1 + abs(x)),
        "squareplus": lambda x: (x + m.sqrt(x * x + 4)) / 2,
        "squareplus_1": lambda x: (x + m.sqrt(x * x + 1)) / 2,
        "tanh": m.tanh,
        "threshold": lambda x: x if x > 1 else m.mpf(-2),
    }


@lru_cache
def exact(name):
    """f and f' at the random points, from mpmath in 50 digits; f' from differences over 1e-20."""
    m = pytest.importorskip("mpmath", reason="mpmath is not installed")
    with m.workdps(50):
        formula, step = formulas(m)[name], m.mpf(10) ** -20
        points = [m.mpf(float(x)) for x in RANDOM]
        slopes = [(formula(x + step) - formula(x - step)) / (2 * step) for x in points]
        return np.array([[float(formula(x)) for x in points], [float(slope) for slope in slopes]])


def check_accuracy(name, dtype, value, slope, got):
    """`got` at the random points against the true value and slope."""
    eps = np.finfo(dtype).eps
    ordinary = np.maximum(abs(value), abs(slope)) < np.finfo(dtype).max
    assert ordinary.sum() > 0.9 * RANDOM.size
    x = RANDOM.astype(float)[ordinary]
    value, slope = value[ordinary], slope[ordinary]
    of_value = 8 * eps * np.maximum(np.maximum(abs(value), abs(x * slope)), eps)
    of_slope = 8 * eps * (abs(slope) + 1)
    for label, number, true, bound in (
        ("f", 0, value, of_value),
        ("f'", 1, slope, of_slope),
        ("kept", 3, slope, of_slope),
    ):
        excess = abs(got[number][at_random][ordinary] - true) / bound
        worst = int(excess.argmax())
        assert excess[worst] <= 1, f"{name} {label}: {8 * excess[worst]:.2f} eps at x = {x[worst]}"


@every_evaluator
@every_case
def test_is_accurate(results, evaluator, name):
    found = results(*evaluator)[name]
    value, slope = exact(name)
    check_accuracy(name, evaluator[1], value, slope, found)


@pytest.mark.parametrize("evaluator", ["numpy", "numba"])
@every_case
def test_in_float32_is_near_float64(results, evaluator, name):
    value, slope, _, _ = results("numpy", "float64")[name]
    check_accuracy(name, "float32", value[at_random], slope[at_random], results(evaluator, "float32")[name])


@every_evaluator
@every_case
def test_at_infinity_is_the_limit(results, evaluator, name):
    value, slope, second, kept = (part[at_special] for part in results(*evaluator)[name])
    below, slope_below, above, slope_above = np.array(LIMITS[name], evaluator[1])
    np.testing.assert_array_equal(value[[0, 3]], [below, above])
    np.testing.assert_allclose(slope[[0, 3]], [slope_below, slope_above], rtol=1e-7, atol=1e-28)
    np.testing.assert_allclose(kept[[0, 3]], [slope_below, slope_above], rtol=1e-7, atol=1e-28)
    np.testing.assert_allclose(second[[0, 3]], [0, INF if slope_above == INF else 0], atol=1e-20)
    assert np.isnan(value[4])


@every_evaluator
@every_case
def test_is_finite_where_x_is(results, evaluator, name):
    finite = abs(POINTS) <= (80 if name == "exponential" else 1e4)
    for part in results(*evaluator)[name]:
        assert np.isfinite(part[finite]).all()


@every_evaluator
@pytest.mark.parametrize("name", KINKS)
def test_at_a_kink_the_derivative_is_that_of_one_side(results, evaluator, name):
    _, slope, _, kept = results(*evaluator)[name]
    for at, expected in KINKS[name].items():
        here = at == POINTS
        np.testing.assert_allclose(slope[here], expected, rtol=1e-6)
        np.testing.assert_allclose(kept[here], expected, rtol=1e-6)


@every_case
def test_both_derivatives_are_those_that_differences_have(name):
    f, step = CASES[name], 1e-5
    first, second = f.derivative(), f.derivative().derivative()
    x = np.random.default_rng(1).normal(scale=3, size=1000)
    x = x[np.all([abs(x - at) > 2 * step for at in KINKS.get(name, [])], axis=0)] if name in KINKS else x
    for lower, higher in ((f, first), (first, second)):
        difference = (lower(x + step) - lower(x - step)) / (2 * step)
        scale = 1 + abs(lower(x)) + abs(difference)
        assert (abs(higher(x) - difference) / scale).max() < 3e-10


def test_prelu_has_a_derivative_by_its_slope():
    x, slope = np.array([-INF, -2.0, -0.0, 0.0, 3.0, INF]), np.array([0.5, 0.5, 0.5, 0.5, 0.5, -0.5])
    np.testing.assert_array_equal(act.prelu(x, slope), [-INF, -1, 0, 0, 3, INF])
    np.testing.assert_array_equal(act.prelu.derivative("x")(x, slope), [0.5, 0.5, 0.5, 0.5, 1, 1])
    np.testing.assert_array_equal(act.prelu.derivative("slope")(x, slope), [-INF, -2, 0, 0, 0, 0])
    assert np.isnan(act.prelu(math.nan, 0.5))


def reads(name):
    """What a backward pass keeps."""
    return {node.value for node in topological(CASES[name].kept_slopes) if node.op == "argument"}


def test_what_is_kept():
    assert {name for name in CASES if reads(name) == {"y"}} == KEEP_Y
    assert {name for name in CASES if not reads(name)} == KEEP_NOTHING
    assert {name for name in CASES if reads(name) == {"x"}} == KEEP_X


def test_names():
    assert list(ACTIVATIONS) == sorted(ACTIVATIONS)
    assert ACTIVATIONS["swish"] is ACTIVATIONS["silu"] is act.swish
    for name, f in ACTIVATIONS.items():
        made = getattr(act, name)
        assert f is made or f.output is made().output
        assert f.arguments == ("x",)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: act.celu(0), "celu expects alpha > 0, got 0"),
        (lambda: act.squareplus(-1.0), "squareplus expects b > 0, got -1.0"),
        (lambda: act.hard_shrink(-0.5), "hard_shrink expects bound >= 0, got -0.5"),
        (lambda: act.soft_shrink(math.nan), "soft_shrink expects bound >= 0, got nan"),
    ],
)
def test_refuses_parameters_without_a_meaning(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def texts(f):
    """The generated text of both passes."""
    forward = loop("forward", {"y": f.output})
    backward = loop("backward", {"dx": argument("dy") * f.kept_slopes[0]})
    return [
        text(one) for one in (forward, backward) for text in (lambda o: numpy_text(o, "float32").source, numba_text)
    ]


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("relu6", lambda x: np.minimum(np.maximum(x, 0), 6)),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(x))),
        ("tanh", lambda x: np.tanh(x)),
        ("sigmoid", lambda x: act.sigmoid(x)),
        ("exponential", lambda x: np.exp(x)),
        ("hard_sigmoid", lambda x: act.relu6(x + 3) * (1 / 6)),
        ("softplus", lambda x: act.softplus(x)),
        ("gelu", lambda x: act.gelu(x)),
    ],
)
def test_one_that_a_user_writes_becomes_the_same_text(name, formula):
    own = function(formula, derivative_from_output=ACTIVATIONS[name].from_output)
    assert texts(own) == texts(ACTIVATIONS[name])


TORCH = {
    "celu": lambda f, x: f.celu(x),
    "celu_half": lambda f, x: f.celu(x, 0.5),
    "elu": lambda f, x: f.elu(x),
    "elu_2": lambda f, x: f.elu(x, 2.0),
    "gelu": lambda f, x: f.gelu(x),
    "gelu_tanh": lambda f, x: f.gelu(x, approximate="tanh"),
    "hard_shrink": lambda f, x: f.hardshrink(x),
    "hard_sigmoid": lambda f, x: f.hardsigmoid(x),
    "hard_swish": lambda f, x: f.hardswish(x),
    "hard_tanh": lambda f, x: f.hardtanh(x),
    "leaky_relu": lambda f, x: f.leaky_relu(x),
    "leaky_relu_steep": lambda f, x: f.leaky_relu(x, 3.0),
    "leaky_relu_up": lambda f, x: f.leaky_relu(x, -0.5),
    "log_sigmoid": lambda f, x: f.logsigmoid(x),
    "mish": lambda f, x: f.mish(x),
    "relu": lambda f, x: f.relu(x),
    "relu6": lambda f, x: f.relu6(x),
    "selu": lambda f, x: f.selu(x),
    "sigmoid": lambda f, x: f.sigmoid(x),
    "silu": lambda f, x: f.silu(x),
    "soft_shrink": lambda f, x: f.softshrink(x),
    "softplus": lambda f, x: f.softplus(x, threshold=40.0),
    "softsign": lambda f, x: f.softsign(x),
    "tanh": lambda f, x: f.tanh(x),
    "threshold": lambda f, x: f.threshold(x, 1.0, -2.0),
}


@pytest.mark.parametrize("name", TORCH)
def test_is_what_pytorch_has(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.concatenate([RANDOM[abs(RANDOM) < 100], BENDS]).astype(float)
    theirs = torch.tensor(x, requires_grad=True)
    result = TORCH[name](torch.nn.functional, theirs)
    result.sum().backward()
    np.testing.assert_allclose(CASES[name](x), result.detach().numpy(), rtol=1e-12, atol=1e-13)
    relative = 1e-7 if name == "hard_sigmoid" else 1e-11  # PyTorch has 1/6 as a float32 there
    np.testing.assert_allclose(CASES[name].derivative()(x), theirs.grad.numpy(), rtol=relative, atol=1e-12)


JAX = {
    "celu": lambda f, x: f.celu(x),
    "elu": lambda f, x: f.elu(x),
    "elu_2": lambda f, x: f.elu(x, 2.0),
    "gelu": lambda f, x: f.gelu(x, approximate=False),
    "gelu_tanh": lambda f, x: f.gelu(x, approximate=True),
    "hard_sigmoid": lambda f, x: f.hard_sigmoid(x),
    "hard_swish": lambda f, x: f.hard_swish(x),
    "hard_tanh": lambda f, x: f.hard_tanh(x),
    "identity": lambda f, x: f.identity(x),
    "leaky_relu": lambda f, x: f.leaky_relu(x),
    "log_sigmoid": lambda f, x: f.log_sigmoid(x),
    "mish": lambda f, x: f.mish(x),
    "relu": lambda f, x: f.relu(x),
    "relu6": lambda f, x: f.relu6(x),
    "selu": lambda f, x: f.selu(x),
    "sigmoid": lambda f, x: f.sigmoid(x),
    "silu": lambda f, x: f.silu(x),
    "softplus": lambda f, x: f.softplus(x),
    "softsign": lambda f, x: f.soft_sign(x),
    "squareplus": lambda f, x: f.squareplus(x),
    "squareplus_1": lambda f, x: f.squareplus(x, 1.0),
    "tanh": lambda f, x: f.tanh(x),
}

# Where JAX computes inf · 0 or inf / inf, and gives NaN at -inf or inf, or both, for f, f' or f''.
JAX_HAS_NAN = {"gelu", "gelu_tanh", "hard_swish", "mish", "silu", "softsign", "squareplus", "squareplus_1"}
# Other conventions at kinks, by name, order of the derivative and x.
JAX_DIFFERS = {
    ("celu", 2, 0.0): 0.25,  # neither side's, which are 1 and 0
    ("hard_tanh", 1, -1.0): 1,
    ("hard_tanh", 1, 1.0): 1,
    ("leaky_relu", 1, 0.0): 1,
    ("softsign", 2, 0.0): -2,  # that of the right side, where ours is the mean of both
}


@pytest.mark.parametrize("name", JAX)
def test_is_what_jax_has(name):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    special = np.array([-INF, -1e4, -3, -1, -0.0, 0, 1, 3, 6, 1e4, INF])
    x = np.concatenate([np.random.default_rng(2).normal(scale=4, size=1000), special])
    ours, theirs = CASES[name], partial(JAX[name], jax.nn)
    for order in range(3):
        with jax.enable_x64(True):
            expected = np.array(jax.vmap(theirs)(x))
        compared = ~np.isnan(expected)
        assert compared.all() or (name in JAX_HAS_NAN and np.isinf(x[~compared]).all())
        for at in x[compared]:
            if (name, order, at) in JAX_DIFFERS:
                np.testing.assert_array_equal(expected[x == at], JAX_DIFFERS[name, order, at])
                compared[x == at] = False
        np.testing.assert_allclose(ours(x)[compared], expected[compared], rtol=1e-11, atol=1e-12)
        ours, theirs = ours.derivative(), jax.grad(theirs)
