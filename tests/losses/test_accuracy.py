"""Losses and their derivatives at small and huge arguments, by all evaluators, beside exact decimals.

For f computed in a dtype with the precision eps, the error is at most 8 eps · max(|f|, |x ∂f/∂x|, |t ∂f/∂t|, eps): what
comes of rounding the arguments, of which no formula can know.  Of labels t, which are not rounded, x alone counts.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import lru_cache
from itertools import product
from math import copysign, inf

import numpy as np
import pytest

from fusegrad.expr.loop import loop
from fusegrad.expr.node import argument
from fusegrad.expr.numba_loop import bind_numba
from fusegrad.expr.numpy_loop import bind_numpy
from fusegrad.losses import BCEWithLogits, Focal, Huber, LogCosh, Poisson, Quantile, SquaredHinge

DIGITS, STEP = 120, Decimal("1e-30")
BELOW = {"poisson": 200}  # where exp(x) leaves digits for a difference
MAGNITUDES = [1e-20, 1e-8, 1e-4, 0.01, 0.3, 1, 3, 9, 15, 19.99, 20.01, 40, 80, 100, 300, 1e4]
POINTS = np.array([0.0, *MAGNITUDES, *(-m for m in MAGNITUDES)], "float32")
EVALUATORS = [("numpy", "float32"), ("numpy", "float64"), ("numba", "float32")]


def softplus(x):
    return max(x, Decimal(0)) + (1 + (-abs(x)).exp()).ln()


def cross_entropy(x, t, positive=1):
    return (1 - t) * softplus(x) + positive * t * softplus(-x)


def focal(gamma, alpha):
    def exact(x, t):
        p = 1 / (1 + (-x).exp())
        balance = 1 if alpha is None else alpha * t + (1 - alpha) * (1 - t)
        return balance * (t * (1 - p) + (1 - t) * p) ** gamma * cross_entropy(x, t)

    return exact


def log_cosh(x, t):
    size = abs(x - t)
    return size + ((1 + (-2 * size).exp()) / 2).ln()


def huber(x, t):
    size = abs(x - t)
    return size * size / 2 if size <= Decimal("0.5") else (size - Decimal("0.25")) / 2


def pinball(x, t):
    return Decimal("0.9") * (t - x) if x < t else (1 - Decimal("0.9")) * (x - t)


def of_labels(f):
    """f with a t that is not rounded; its derivative by t is not looked at."""

    def exact(x, t):
        return f(x, t.to_integral_value())

    return exact


LABELS, SHARES = [0, 1], [0.0, 0.3, 0.9999, 1.0]
CASES = {
    "log-cosh": (LogCosh(), log_cosh, [0, 0.7]),
    "huber": (Huber(0.5), huber, [0, 0.7]),
    "quantile": (Quantile(0.9), pinball, [0.7]),
    "squared-hinge": (SquaredHinge(), lambda x, t: max(1 - t * x, Decimal(0)) ** 2, [-1, 1]),
    "poisson": (Poisson(), lambda x, t: x.exp() - t * x, [0, 3]),
    "bce": (BCEWithLogits(), cross_entropy, SHARES),
    "bce-pos-weight": (BCEWithLogits(pos_weight=3.0), lambda x, t: cross_entropy(x, t, 3), SHARES),
    "focal": (Focal(), focal(Decimal(2), Decimal("0.25")), SHARES),
    "focal-of-labels": (Focal(), of_labels(focal(Decimal(2), Decimal("0.25"))), LABELS),
    "focal-half-of-labels": (Focal(gamma=0.5, alpha=None), of_labels(focal(Decimal("0.5"), None)), LABELS),
    "focal-5-of-labels": (Focal(gamma=5), of_labels(focal(Decimal(5), Decimal("0.25"))), LABELS),
}
TARGETS = np.unique(np.array([t for _, _, targets in CASES.values() for t in targets], "float32"))
X, T = (np.array(column, "float32") for column in zip(*product(POINTS, TARGETS), strict=True))


def quantities(loss):
    """f and its derivatives as expressions of x and t."""
    f = loss.function
    return f(argument("x"), argument("t")), *(f.derivative(i)(argument("x"), argument("t")) for i in (0, 1))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """By evaluator, dtype and case: f, ∂f/∂x and ∂f/∂t at all points; one loop, since compiling one takes a while."""
    names = {name: [f"{name.replace('-', '_')}_{i}" for i in range(3)] for name in CASES}
    parts = {name: quantities(loss) for name, (loss, _, _) in CASES.items()}
    work = loop("losses", {a: e for name in CASES for a, e in zip(names[name], parts[name], strict=True)})

    def computed(evaluator, dtype):
        arrays = {"x": X.astype(dtype), "t": T.astype(dtype)}
        arrays |= {array: np.empty_like(arrays["x"]) for group in names.values() for array in group}
        run = (bind_numba if evaluator == "numba" else bind_numpy)(work, arrays)
        with np.errstate(all="ignore"):
            run()
        return {name: np.array([arrays[array] for array in group], "float64") for name, group in names.items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSEGRAD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield lru_cache(computed)


def exact(f, x, t):
    """f, ∂f/∂x and ∂f/∂t by differences in many digits, and the scale of the error of each."""
    with localcontext(prec=DIGITS, Emin=-(10**9), Emax=10**9):
        x, t, h = Decimal(float(x)), Decimal(float(t)), STEP
        at = {(i, j): f(x + i * h, t + j * h) for i in (-1, 0, 1) for j in (-1, 0, 1)}
        fx, ft = (at[1, 0] - at[-1, 0]) / (2 * h), (at[0, 1] - at[0, -1]) / (2 * h)
        fxx = (at[1, 0] - 2 * at[0, 0] + at[-1, 0]) / h**2
        ftt = (at[0, 1] - 2 * at[0, 0] + at[0, -1]) / h**2
        fxt = (at[1, 1] - at[1, -1] - at[-1, 1] + at[-1, -1]) / (4 * h**2)
        values = at[0, 0], fx, ft
        slopes = zip(values, (fx, fxx, fxt), (ft, fxt, ftt), strict=True)
        scales = (max(abs(v), abs(x * by_x), abs(t * by_t)) for v, by_x, by_t in slopes)
        return [list(map(as_float, values)), list(map(as_float, scales))]


def as_float(number):
    return float(number) if abs(number) < Decimal("1e308") else copysign(inf, number)


@lru_cache
def exact_at(name):
    """Which points belong to a case, and there f, ∂f/∂x, ∂f/∂t and the scales of their errors."""
    _, f, targets = CASES[name]
    chosen = np.isin(T, np.array(targets, "float32")) & (BELOW.get(name, inf) > X)
    found = np.array([exact(f, *point) for point in zip(X[chosen], T[chosen], strict=True)])
    return chosen, found[:, 0].T, found[:, 1].T


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("evaluator", "dtype"), EVALUATORS, ids=map("-".join, EVALUATORS))
def test_errors_are_those_of_rounded_arguments(results, evaluator, dtype, name):
    if evaluator == "numba":
        pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    chosen, expected, scale = exact_at(name)
    got, eps = results(evaluator, dtype)[name][:, chosen], np.finfo(dtype).eps
    with np.errstate(over="ignore", invalid="ignore"):
        expected = expected.astype(dtype).astype("float64")  # too large for the dtype is inf
        off = np.where(got == expected, 0, np.abs(got - expected))
    allowed = 8 * eps * np.maximum(scale, eps)
    for i, quantity in enumerate(("f", "∂f/∂x") if "labels" in name else ("f", "∂f/∂x", "∂f/∂t")):
        worst = int(np.argmax(off[i] / allowed[i]))
        x, t = X[chosen][worst], T[chosen][worst]
        assert off[i, worst] <= allowed[i, worst], f"{quantity}({x}, {t}) = {got[i, worst]}, not {expected[i, worst]}"
