"""The scalar functions for compiled loops: accuracy against float64 NumPy, ends of the range, and vector code."""

from __future__ import annotations

import ast
import inspect
import platform
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from fusegrad.expr import polynomials

EPS = float(np.finfo(np.float32).eps)
INF, NAN = float("inf"), float("nan")


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# Function and |derivative|.
REFERENCES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "exp": (np.exp, np.exp),
    "expm1": (np.expm1, np.exp),
    "log": (np.log, lambda x: 1 / np.abs(x)),
    "log1p": (np.log1p, lambda x: 1 / np.abs(1 + x)),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
}
# Around these the range reduction changes its mind, or a result reaches the end of float32.
TURNS = (88.7228, 87.3365, 103.97, 1.0, 0.5, 0.70710678, 1.4142135, 9.02, 17.4, 20.0, 0.34657359, 1.0397208, 2.0)


def functions(name: str, decorate: Callable[..., Any] = lambda function: function) -> dict[str, Any]:
    """A module made of nothing but the source of a function and of those that it needs."""
    module: dict[str, Any] = {"np": np}
    for part in (*polynomials.NEEDS[name], name):
        exec(inspect.getsource(getattr(polynomials, part)), module)
        module[part] = decorate(module[part])
    return module


@lru_cache
def compiled(name: str) -> Any:
    """A loop of Numba over one function, `loop(*arguments, out)`."""
    numba = pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    module = functions(name, numba.njit(fastmath={"contract"}, error_model="numpy", forceinline=True))
    arguments, elements = ("x, y", "x[i], y[i]") if name == "pow" else ("x", "x[i]")
    exec(f"def loop({arguments}, out):\n    for i in range(out.size):\n        out[i] = {name}({elements})\n", module)
    return numba.njit(fastmath={"contract"}, error_model="numpy")(module["loop"])


def by_numba(name: str, *arguments: np.ndarray) -> np.ndarray:
    out = np.empty_like(arguments[0])
    compiled(name)(*arguments, out)
    return out


def by_python(name: str, *arguments: np.ndarray) -> np.ndarray:
    function = functions(name)[name]
    with np.errstate(all="ignore"):  # scalars of NumPy warn where integers wrap and numbers overflow
        values = [function(*scalars) for scalars in zip(*arguments, strict=True)]
    assert all(type(value) is np.float32 for value in values)
    return np.array(values)


def samples(step: int, neighbours: int) -> np.ndarray:
    """Every `step`-th float32 of all there are, and the neighbours of each turn on both sides of zero."""
    everywhere = np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)
    around = np.arange(-neighbours, neighbours + 1, dtype=np.int32)
    bits = [np.float32(turn).view(np.int32) + around for turn in (*TURNS, *(-turn for turn in TURNS))]
    return np.concatenate([everywhere, *(chunk.view(np.float32) for chunk in bits)])


def assert_close(got: np.ndarray, want: np.ndarray, amplified: np.ndarray) -> None:
    """|error| <= 4 eps max(|f|, |x f'|, eps) where float32 holds the result; else the same infinity or NaN."""
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        finite = np.isfinite(rounded)
        np.testing.assert_array_equal(got[~finite], rounded[~finite])
        bound = 4 * EPS * np.fmax(np.fmax(np.abs(want), amplified), EPS)
        excess = np.where(finite, np.abs(got - want) / bound, 0)
    assert excess.max() <= 1, f"{excess.max()} of the bound at index {excess.argmax()}: {got[excess.argmax()]}"


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize(
    ("evaluate", "step", "neighbours"), [(by_python, 11184811, 2), (by_numba, 8191, 2000)], ids=["python", "numba"]
)
def test_accuracy(name: str, evaluate: Callable[..., np.ndarray], step: int, neighbours: int) -> None:
    x = samples(step, neighbours)
    function, derivative = REFERENCES[name]
    got = evaluate(name, x)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        assert_close(got, function(wide), np.abs(wide * derivative(wide)))


@pytest.mark.parametrize("evaluate", [by_python, by_numba])
def test_accuracy_of_pow(evaluate: Callable[..., np.ndarray]) -> None:
    generator = np.random.default_rng(0)
    size = 200 if evaluate is by_python else 100_000
    narrow, wide = np.exp(generator.normal(size=size)), np.exp(generator.uniform(-87, 88, size))
    signs, normal = generator.choice([-1.0, 1.0], size), generator.normal(size=size)
    pairs = [
        (wide, normal),
        (narrow, 20 * normal),
        (narrow**0.01, 2000 * normal),
        (signs * narrow, np.round(8 * normal)),
    ]
    x, y = (np.concatenate(column).astype(np.float32) for column in zip(*pairs, strict=True))
    with np.errstate(all="ignore"):
        want = np.power(x.astype(np.float64), y.astype(np.float64))
    assert_close(evaluate("pow", x, y), want, np.abs(want * y))


@pytest.mark.parametrize("evaluate", [by_python, by_numba])
def test_pow_at_special_values(evaluate: Callable[..., np.ndarray]) -> None:
    one_side = [0.0, 0.5, 1.0, 1 + EPS, 2.0, 3.0, 8.0, 1e10, 3e9, 2.0**24 + 2, 3e38, 1e-40, INF]
    special = np.array([*one_side, *(-value for value in one_side), NAN], np.float32)
    x, y = (grid.ravel().copy() for grid in np.meshgrid(special, special))
    got = evaluate("pow", x, y)
    with np.errstate(all="ignore"):
        want = np.power(x, y)
        near = np.abs(got - want) <= 4 * EPS * np.fmax(1, np.abs(y)) * np.abs(want)
    alike = (got == want) | (np.isnan(got) & np.isnan(want)) | near | (np.abs(want) < 1e-37) & (np.abs(got) < 1e-37)
    np.testing.assert_array_equal(np.stack([x, y, got])[:, ~alike], np.empty((3, 0)))
    number = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got[number]), np.signbit(want[number]))


@pytest.mark.parametrize("evaluate", [by_python, by_numba])
@pytest.mark.parametrize(
    ("name", "x", "want"),
    [
        ("exp", [0.0, -0.0, INF, -INF, NAN, 88.73, -104.0], [1, 1, INF, 0, NAN, INF, 0]),
        ("expm1", [0.0, -0.0, INF, -INF, NAN, 88.73, -18.0], [0, -0.0, INF, -1, NAN, INF, -1]),
        ("log", [0.0, -0.0, INF, -INF, NAN, 1.0, -1.0], [-INF, -INF, INF, NAN, NAN, 0, NAN]),
        ("log1p", [0.0, -0.0, INF, -INF, NAN, -1.0, -2.0], [0, -0.0, INF, NAN, NAN, -INF, NAN]),
        ("tanh", [0.0, -0.0, INF, -INF, NAN, 9.1, -9.1], [0, -0.0, 1, -1, NAN, 1, -1]),
        ("sigmoid", [0.0, -0.0, INF, -INF, NAN, 18.0, -150.0], [0.5, 0.5, 1, 0, NAN, 1, 0]),
    ],
)
def test_special_values(evaluate: Callable[..., np.ndarray], name: str, x: list[float], want: list[float]) -> None:
    got = evaluate(name, np.array(x, np.float32))
    np.testing.assert_array_equal(got, np.array(want, np.float32))
    np.testing.assert_array_equal(np.signbit(got[:2]), np.signbit(want[:2]))


def test_tails_of_sigmoid_are_relatively_accurate() -> None:
    x = np.linspace(-87, 0, 300, dtype=np.float32)
    np.testing.assert_allclose(by_python("sigmoid", x), sigmoid(x.astype(np.float64)), rtol=4 * EPS)


@pytest.mark.parametrize("name", polynomials.NEEDS)
def test_a_loop_is_vector_code_without_calls_of_the_c_library(name: str) -> None:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip(f"reads x86 assembly, and this is {platform.machine()}")
    loop = compiled(name)
    array = np.ones(64, np.float32)
    loop(*(array,) * (2 if name == "pow" else 1), np.empty_like(array))
    (assembly,) = loop.inspect_asm().values()
    products = re.findall(r"\sv?(?:mul|fn?m(?:add|sub)\d+)(ps|ss|pd|sd)\s", assembly)
    assert "pd" not in products
    assert "sd" not in products
    # What is left over at the end of the array stays scalar; so count what the source multiplies, give or take a fold.
    sources = [inspect.getsource(getattr(polynomials, part)) for part in (*polynomials.NEEDS[name], name)]
    written = sum(isinstance(node, ast.Mult) for source in sources for node in ast.walk(ast.parse(source)))
    assert products.count("ps") >= 0.75 * written
    assert not re.findall(
        r"\b(?:numba_)?(?:expm1|exp2?|log1p|log2?|tanh|pow)f?\b", re.sub(r"(?m)^.*[:@].*$", "", assembly)
    )
