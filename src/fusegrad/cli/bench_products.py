"""Matrix products as `fusegrad bench gemm` has them: every way to compute one, timed, and compared with float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from math import sqrt
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.backend import Backend, timing
from fusegrad.backend.dtypes import dtype_of
from fusegrad.expr.activations import gelu_tanh, identity, relu
from fusegrad.ops import linear
from fusegrad.ops.gemm import Activated, After, Sloped, arithmetic, tuning
from fusegrad.ops.gemm.product import products
from fusegrad.ops.op import Bound

Arrays = dict[str, Any]

EPS = {"float32": 2.0**-23, "tf32": 2.0**-10, "float16": 2.0**-10, "bfloat16": 2.0**-7}
SAMPLE = 64  # rows that are compared
ROUNDS = 5  # of a timing on a CPU

# Whether a and b lie in memory as their transposed: of x Wᵀ, of dh W, which is dx, and of dhᵀ x, which is dW.
LAYOUTS = {"xwt": (False, True), "dhw": (False, False), "dhtx": (True, False)}

# GELU is its form with tanh, which cuBLASLt has, too.
EPILOGUES: dict[str, Callable[[Arrays], After]] = {
    "none": lambda arrays: Activated(),
    "bias": lambda arrays: Activated(bias=arrays["bias"]),
    "bias-relu": lambda arrays: Activated(relu, arrays["bias"]),
    "bias-gelu": lambda arrays: Activated(gelu_tanh, arrays["bias"], arrays["h"]),
    "gelu-slope": lambda arrays: Sloped(gelu_tanh, arrays["saved"], arrays["sums"]),
}


@dataclass(frozen=True)
class Case:
    """A product of (rows, inner) by (inner, columns): a dtype of EPS, an epilogue of EPILOGUES, a layout of LAYOUTS.

    y has the dtype of the factors; for "dhtx" float32, as gradients of weights have.
    """

    rows: int
    inner: int
    columns: int
    dtype: str = "float32"
    epilogue: str = "none"
    layout: str = "xwt"

    @property
    def of_factors(self) -> str:
        return "float32" if self.dtype == "tf32" else self.dtype

    @property
    def of_y(self) -> str:
        return "float32" if self.layout == "dhtx" else self.of_factors

    @property
    def allowed(self) -> float:
        """The error that rounding explains, as a share of the root of the mean square: of factors, sums and y."""
        of_sums = EPS["float32"] * sqrt(self.inner + self.rows)
        return 8 * (EPS[self.of_y] + EPS["tf32"] * (self.dtype == "tf32") + of_sums)


@dataclass(frozen=True)
class Row:
    """What one way to compute a product came to.  Times are None on an emulated GPU, where they mean nothing.

    `of_fastest` and `of_cublaslt` are speeds, as shares of that of the fastest way, and of the fastest with cuBLASLt.
    `error` is the largest in the rows that were compared, as a share of the root of their mean square.
    """

    candidate: str
    milliseconds: float | None
    tflop_per_s: float | None
    of_fastest: float | None
    of_cublaslt: float | None
    error: float
    is_right: bool


def measure(backend: Backend, case: Case) -> list[Row]:
    """Every way that computes the product on a backend, the fastest first; on a CPU there is one.

    Raises ValueError for a CPU and another dtype than float32.
    """
    if backend.name == "cpu" and case.dtype != "float32":
        raise ValueError(f"the backend cpu multiplies matrices of float32, got {case.dtype}")
    given = drawn(case)
    with backend.using_stream(), arithmetic.using("tf32") if case.dtype == "tf32" else nullcontext():
        arrays = {name: backend.asarray(array) for name, array in given.items()}
        runs = ways(backend, case, arrays)
        errors = {name: error_of(backend, case, run, arrays, given) for name, run in runs.items()}
        times = times_of(backend, runs)
    return rows_of(case, errors, times)


def drawn(case: Case) -> dict[str, NDArray[Any]]:
    """The same random numbers each time, such that the product is about N(0, 1); what is written is not a number."""
    generator = np.random.default_rng(0)
    of_a, of_b = ((case.rows, case.inner), (case.inner, case.columns))
    turned_a, turned_b = LAYOUTS[case.layout]
    of_y = case.rows, case.columns

    def normal(shape: tuple[int, ...], dtype: str, scale: float = 1) -> NDArray[Any]:
        return (scale * generator.standard_normal(shape, "float32")).astype(dtype_of(dtype))

    return {
        "a": normal(of_a[::-1] if turned_a else of_a, case.of_factors),
        "b": normal(of_b[::-1] if turned_b else of_b, case.of_factors, 1 / sqrt(case.inner)),
        "bias": normal(of_y[1:], case.of_factors),
        "saved": normal(of_y, case.of_y),
        "y": np.full(of_y, np.nan, dtype_of(case.of_y)),
        "h": np.full(of_y, np.nan, dtype_of(case.of_y)),
        "sums": np.full(of_y[1:], np.nan, "float32"),
    }


def factors(case: Case, arrays: Arrays) -> tuple[Any, Any]:
    """a and b, whose memory is transposed where the layout says so."""
    a, b = (arrays[name].T if turned else arrays[name] for name, turned in zip("ab", LAYOUTS[case.layout], strict=True))
    return a, b


def ways(backend: Backend, case: Case, arrays: Arrays) -> dict[str, Bound]:
    """All ways to compute the product, each of which has run once."""
    (a, b), after = factors(case, arrays), EPILOGUES[case.epilogue](arrays)
    if backend.name == "cpu":
        run = by_numpy(backend.evaluator, a, b, arrays["y"], after)
        run()
        return {f"NumPy, and loops by {backend.evaluator}": run}
    (product,) = products(a, b, arrays["y"], False, after)
    return tuning.runnable(product, backend.xp.cuda)


def by_numpy(evaluator: str, a: Any, b: Any, y: Any, after: After) -> Bound:
    if isinstance(after, Sloped):
        through = linear.backward_through(after.function)
        return through.bound(evaluator, dh=a, weight=b, h=after.saved, dx=y, dbias=after.sums, add_dbias=False)
    op, kept = linear.forward(after.function or identity, after.h is not None), {}
    if after.h is not None:
        kept["h"] = after.h
    return op.bound(evaluator, x=a, weight=b.T, bias=after.bias, y=y, **kept)


def times_of(backend: Backend, runs: dict[str, Bound]) -> dict[str, float]:
    """Milliseconds by name; nothing for what is emulated."""
    if backend.name == "emulated":
        return {}
    if backend.name == "cpu":
        return {name: median(seconds(run) for _ in range(ROUNDS)) * 1e3 for name, run in runs.items()}
    return timing.milliseconds(backend.xp.cuda, runs)


def seconds(run: Bound) -> float:
    begin = perf_counter()
    run()
    return perf_counter() - begin


def error_of(backend: Backend, case: Case, run: Bound, arrays: Arrays, given: Arrays) -> float:
    """The largest error of what a run writes, of all its arrays; infinite where something is no number."""
    for name in ("y", "h", "sums"):
        backend.copy_in(arrays[name], given[name])
    run()
    written = {name: backend.to_numpy(arrays[name]).astype("float64") for name in ("y", "h", "sums")}
    errors = [relative(got, wanted) for got, wanted in compared(case, given, written)]
    return max(error if np.isfinite(error) else np.inf for error in errors)


def compared(case: Case, given: Arrays, written: Arrays) -> Iterator[tuple[Any, Any]]:
    """What was written, and what it is in float64: some rows, and of sums over rows all, of y as it was written."""
    picked = np.unique(np.linspace(0, case.rows - 1, SAMPLE).astype(int))
    after = EPILOGUES[case.epilogue](given)
    a, b = factors(case, given)
    h = a[picked].astype("float64") @ b.astype("float64")
    if isinstance(after, Sloped):
        yield written["y"][picked], h * after.function.derivative()(after.saved[picked].astype("float64"))
        yield written["sums"], written["y"].sum(0)
        return
    h += 0 if after.bias is None else after.bias.astype("float64")
    yield written["y"][picked], (after.function or identity)(h)
    if after.h is not None:
        yield written["h"][picked], h


def relative(got: NDArray[Any], wanted: NDArray[Any]) -> float:
    """The largest error as a share of the root of the mean square, or as it is, where that is zero."""
    return float(np.abs(got - wanted).max() / (np.sqrt(np.mean(np.square(wanted))) or 1))


def rows_of(case: Case, errors: dict[str, float], times: dict[str, float]) -> list[Row]:
    operations = 2 * case.rows * case.inner * case.columns
    least = min(times.values(), default=None)
    of_library = min((time for name, time in times.items() if name.startswith("cuBLASLt")), default=None)

    def by_time(what: float | None, name: str) -> float | None:
        return None if what is None or name not in times else what / times[name]

    def row(name: str) -> Row:
        figures = by_time(operations / 1e9, name), by_time(least, name), by_time(of_library, name)
        return Row(name, times.get(name), *figures, errors[name], errors[name] <= case.allowed)

    return [row(name) for name in sorted(errors, key=lambda name: times.get(name, 0.0))]
