"""Random expressions: derivatives against differences, evaluators against each other, and text against the compiler.

Every example is the same in every run.  How much a float32 result may be off is not guessed but computed: rounding
errors are carried through the expression by the derivatives of its operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import numpy as np
import nvrtc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fusegrad import expr
from fusegrad.expr import Expr, Function, maximum, where
from fusegrad.expr.cuda_loop import cuda_text, vector_width
from fusegrad.expr.cuda_text import PREAMBLE, device_function
from fusegrad.expr.derivative import derivative
from fusegrad.expr.evaluate import evaluate
from fusegrad.expr.loop import Loop, loop
from fusegrad.expr.node import argument, as_expr, topological
from fusegrad.expr.numba_loop import bind_numba
from fusegrad.expr.numpy_loop import bind_numpy
from fusegrad.expr.primitives import PRIMITIVES

Array = np.ndarray[Any, Any]
ARGUMENTS = [argument(name) for name in "xuv"]
POINTS = 500
EPS = float(np.finfo(np.float32).eps)
HUGE = 1e37  # near the largest float32


def fixed(examples: int) -> Callable[..., Any]:
    """The same examples in every run."""
    return settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )


def choice(a: Expr, b: Expr, c: Expr, d: Expr) -> Expr:
    return where(a < b, c, d)


def bounded_choice(a: Expr, b: Expr, c: Expr) -> Expr:
    return where(a <= 0.3, b, c)


# By the number of operands; what would soon be NaN or infinite gets operands that it likes.
FUNCTIONS: dict[int, list[Callable[..., Expr]]] = {
    1: [
        expr.tanh,
        expr.sigmoid,
        expr.erf,
        expr.erfc,
        expr.expm1,
        expr.exp,
        expr.softplus,
        expr.sign,
        abs,
        lambda a: -a,
        lambda a: expr.exp(-a * a),
        lambda a: expr.log(a * a + 0.3),
        lambda a: expr.log1p(abs(a)),
        lambda a: expr.sqrt(a * a + 0.1),
        lambda a: (abs(a) + 0.2) ** 1.7,
        lambda a: a**3,
        lambda a: 1.3**a,
        lambda a: expr.clip(a, -0.7, 0.9),
    ],
    2: [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: a / (b * b + 0.5),
        lambda a, b: (abs(a) + 0.5) ** expr.tanh(b),
        expr.minimum,
        maximum,
    ],
    3: [bounded_choice],
    4: [choice],
}
CALLS = [(function, count) for count, listed in FUNCTIONS.items() for function in listed]


def random_expression(seed: int, operations: int) -> Expr:
    """Each operation takes some of the last nodes made before it, which are thus often shared."""
    chance = Random(seed)
    nodes = [as_expr(round(chance.uniform(-2, 2), 2)), *ARGUMENTS]
    for _ in range(operations):
        function, count = chance.choice(CALLS)
        nodes.append(function(*chance.sample(nodes[-4:], count)))
    return nodes[-1]


# By a seed, because examples that hypothesis itself puts together are mostly tiny; the number of operations shrinks.
EXPRESSIONS = st.builds(random_expression, st.integers(0, 1 << 32), st.integers(6, 16))


def random_arrays(dtype: str = "float64", count: int = POINTS) -> dict[str, Array]:
    generator = np.random.default_rng(0)
    return {node.value: generator.uniform(-2.5, 2.5, count).astype(dtype) for node in ARGUMENTS}


@fixed(150)
@given(EXPRESSIONS, st.sampled_from(ARGUMENTS))
def test_derivatives_against_differences(root, by):
    arrays, name = random_arrays(), by.value

    def at(distance: float) -> Array:
        return evaluate([root], arrays | {name: arrays[name] + distance})[0]

    def differences(step: float) -> Array:
        return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)

    with np.errstate(all="ignore"):
        got, fine, coarse = evaluate([derivative(root, by)], arrays)[0], differences(2e-4), differences(4e-4)
        tolerance = 1e-6 * (1 + np.abs(fine)) + 1e-11 * np.abs(at(0))
        smooth = np.abs(fine - coarse) < tolerance  # no kink between the points that the differences are made of
        judged = smooth & np.all(np.abs(evaluate(topological([root]), arrays)) < 1e100, axis=0)  # no inf · 0
    np.testing.assert_array_less(np.abs(got[judged] - fine[judged]), 10 * tolerance[judged])


@fixed(150)
@given(st.lists(EXPRESSIONS, min_size=1, max_size=3))
def test_numpy_text_is_the_direct_evaluation(roots):
    targets = [f"y{i}" for i in range(len(roots))]
    compare_exactly(loop("fresh", dict(zip(targets, roots, strict=True))))
    compare_exactly(loop("in_place", dict(zip("xuv", roots, strict=False))))


def compare_exactly(work: Loop) -> None:
    """Many small blocks and one, bit for bit but for the sign of 0 and of NaN."""
    arrays = random_arrays("float32", 20_000)
    expected = evaluate(work.roots, arrays)
    arrays = {name: arrays.get(name, np.empty(20_000, np.float32)) for name in work.names()}
    bind_numpy(work, arrays)()
    for (target, _), array in zip(work.assignments, expected, strict=True):
        np.testing.assert_array_equal(arrays[target], array)


@fixed(100)
@given(EXPRESSIONS)
def test_numpy_text_against_float64(root):
    compare(bind_numpy, [root])


@fixed(3)
@given(roots=st.lists(EXPRESSIONS, min_size=5, max_size=5))
def test_numba_against_float64(roots, tmp_path_factory):
    pytest.importorskip("numba", reason="Numba is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSEGRAD_CACHE", str(tmp_path_factory.getbasetemp() / "random"))
        compare(bind_numba, roots)


def compare(bind: Any, roots: list[Expr]) -> None:
    """float32 results against float64 ones, where rounding does not decide about a choice."""
    arrays = random_arrays("float32")
    outputs = {f"y{i}": np.empty(POINTS, np.float32) for i in range(len(roots))}
    work = loop("random", dict(zip(outputs, roots, strict=True)))
    bind(work, {name: (arrays | outputs)[name] for name in work.names()})()
    exact = {name: array.astype(float) for name, array in arrays.items()}
    for (name, output), root in zip(outputs.items(), roots, strict=True):
        expected, error = with_error(root, exact)
        judged = error < 1e-2 * (1 + np.abs(expected))
        off = np.abs(output[judged] - expected[judged])
        np.testing.assert_array_less(off, error[judged] + 1e-30, err_msg=f"{name} = {root}")


def with_error(root: Expr, arrays: Mapping[str, Array]) -> tuple[Array, Array]:
    """The value, and how far float32 may be from it: infinitely where a choice may go either way, or it overflows."""
    values: dict[Expr, Array] = {}
    errors: dict[Expr, Array] = {}
    with np.errstate(all="ignore"):
        for node in topological([root]):
            values[node] = evaluate([node], arrays)[0]
            inner = [errors[operand] for operand in node.args]
            match node.op:
                case "argument" | "constant":
                    errors[node] = np.abs(values[node]) * EPS
                case "lt" | "le":
                    near = np.abs(values[node.args[0]] - values[node.args[1]]) <= inner[0] + inner[1]
                    errors[node] = np.where(near, np.inf, 0)
                case "where":
                    errors[node] = inner[0] + np.where(values[node.args[0]] > 0, inner[1], inner[2])
                case "min" | "max":
                    errors[node] = np.maximum(*inner)
                case "sign":
                    errors[node] = np.where(np.abs(values[node.args[0]]) <= inner[0], np.inf, 0)
                case "named":
                    errors[node] = inner[0]
                case _:
                    errors[node] = rounding(node, values, inner, arrays)
            errors[node] = np.where(np.abs(values[node]) < HUGE, errors[node], np.inf)
    return values[root], errors[root]


def rounding(node: Expr, values: Mapping[Expr, Array], inner: list[Array], arrays: Mapping[str, Array]) -> Array:
    """4 units for the operation itself, and the errors of its operands times the derivatives by them."""
    total = np.abs(values[node]) + EPS
    carried = np.zeros(POINTS)
    partials = PRIMITIVES[node.op].partials(*node.args, node)
    for operand, error, partial in zip(node.args, inner, partials, strict=True):
        slope = np.abs(evaluate([as_expr(partial)], arrays)[0])
        total = total + slope * np.abs(values[operand])
        carried = carried + np.where(error == 0, 0, slope * error)
    return 2 * carried + 4 * EPS * total


@fixed(60)
@given(EXPRESSIONS)
def test_the_slope_by_the_output_is_the_slope(root):
    """Whatever is found to need y alone gives the same derivative."""
    f = Function("random", ("x", "u", "v"), (), (root,))
    arrays = random_arrays()
    (y,) = evaluate([root], arrays)
    for name, slope in zip(f.arguments, f.kept_slopes, strict=True):
        expected, got = evaluate([f.slope(name), slope], arrays | {"y": y})
        finite = np.isfinite(expected) & (np.abs(expected) < 1e6)
        np.testing.assert_allclose(got[finite], expected[finite], rtol=1e-6, atol=1e-6)


@fixed(15)
@given(st.lists(EXPRESSIONS, min_size=4, max_size=4))
def test_cuda_text_compiles(roots):
    nvrtc.require()
    work = loop("random", {f"y{i}": root for i, root in enumerate(roots)})
    for dtype in ("float", "double"):
        assert dtype == "double" or ".f64" not in nvrtc.ptx(cuda_text(work, dtype, vector_width(work, dtype)))
    functions = [Function("random", ("x", "u", "v"), (), (root,)) for root in roots]
    texts = [device_function(f, "float", f"f{i}") for i, f in enumerate(functions)]
    nvrtc.ptx("\n".join([PREAMBLE, *texts]))


@fixed(5)
@given(st.lists(EXPRESSIONS, min_size=3, max_size=3), st.sampled_from(["__half", "__nv_bfloat16"]))
def test_cuda_text_of_half_types_compiles(roots, dtype):
    nvrtc.require(headers=True)
    work = loop("random", {f"y{i}": root for i, root in enumerate(roots)})
    assembly = nvrtc.ptx(cuda_text(work, dtype, vector_width(work, dtype)))
    assert ".f64" not in assembly
