"""What tests measure with: the parity of two implementations of an op, and the one rule for tolerances.

Every array that an op is given, outputs and accumulators too, is filled with random numbers; both implementations run,
and all arrays are compared.  No list of outputs is needed: an input that changed, or an accumulated gradient that was
overwritten, shows by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fusegrad.backend import Backend, resolve
from fusegrad.ops import Op


@dataclass(frozen=True)
class Draw:
    """Random numbers for one array, uniform from `low` up to `high`; of the dtype under test unless it has its own.

    The dtype "sum" is what sums over arrays under test have: float32 for half types.
    """

    shape: tuple[int, ...]
    low: float = -2
    high: float = 2
    dtype: str | None = None
    order: str = "C"

    def fill(self, generator: np.random.Generator, dtype: str) -> np.ndarray:
        own = sum_dtype(dtype) if self.dtype == "sum" else np.dtype(self.dtype or dtype)
        draw = generator.uniform if is_float(own) else generator.integers
        return np.asarray(draw(self.low, self.high, self.shape)).astype(own, order=self.order)


def sum_dtype(dtype: str) -> np.dtype:
    return np.promote_types(dtype, "float32")


def is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype.name == "bfloat16"  # which is none of NumPy's own


def eps_of(dtype: str | np.dtype) -> float:
    return 2.0**-7 if str(dtype) == "bfloat16" else float(np.finfo(dtype).eps)


Entry = Draw | tuple[int, ...] | list[Any] | int | None


@dataclass(frozen=True)
class Case:
    """Arrays of an op by parameter name, and its options.

    An array is given by its shape, a `Draw`, a list of those, or None.  `reduction` is the length of the longest sum
    behind one element, which sets the tolerance.  `spaces` are arrays whose content is anybody's afterwards.
    """

    label: str
    arrays: Mapping[str, Entry]
    options: Mapping[str, Any] = field(default_factory=dict)
    reduction: int = 1
    spaces: tuple[str, ...] = ()

    def fill(self, dtype: str) -> dict[str, Any]:
        generator = np.random.default_rng(0)

        def filled(entry: Entry) -> Any:
            if isinstance(entry, list):
                return tuple(filled(item) for item in entry)
            draw = Draw(entry) if isinstance(entry, tuple) else entry
            return draw.fill(generator, dtype) if isinstance(draw, Draw) else draw

        return {name: filled(entry) for name, entry in self.arrays.items()}


def check_parity(
    run: Callable[..., None], op: Op, case: Case, dtype: str = "float32", backend: Backend | None = None
) -> None:
    """`run` in `dtype` against the reference of `op` in float64, on the same, already rounded, numbers."""
    for name, actual, expected in outcomes(run, op, case, dtype, backend or resolve("cpu")):
        check_close(f"{case.label}: {name}", actual, expected, dtype, case.reduction)


def largest_error(run: Callable[..., None], op: Op, case: Case, backend: Backend, dtype: str = "float32") -> float:
    """The largest error of `check_parity` as a share of what is allowed; integers that differ are AssertionError."""
    shares = [0.0]
    for name, actual, expected in outcomes(run, op, case, dtype, backend):
        if expected.dtype.kind != "f":
            np.testing.assert_array_equal(actual, expected, err_msg=name)
        elif expected.size:
            error, allowed = error_and_allowed(actual, expected, dtype, case.reduction)
            shares.append(error / allowed if allowed else np.inf if error else 0.0)
    return float(np.max(shares))


def run_case(op: Op, case: Case, backend: Backend, dtype: str = "float32") -> None:
    """The kernels of an op on a case, whatever they compute."""
    with backend.using_stream():
        op.launch(**each_array(backend.asarray, case.fill(dtype)), **case.options)


def outcomes(
    run: Callable[..., None], op: Op, case: Case, dtype: str, home: Backend
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Every array by name as `run` leaves it, and as the reference does in float64."""
    given = case.fill(dtype)
    expected, actual = each_array(widened, given), each_array(lambda array: home.asarray(array.copy("K")), given)
    op.reference(**expected, **case.options)
    try:
        with home.using_stream():
            run(**actual, **case.options)
    except Exception as error:
        error.add_note(f"in the case {case.label}")
        raise
    for name in (name for name in given if name not in case.spaces):
        for wanted, got in zip(leaves(expected[name]), leaves(actual[name]), strict=True):
            yield name, home.to_numpy(got), wanted


def check_close(name: str, actual: np.ndarray, expected: np.ndarray, dtype: str, reduction: int = 1) -> None:
    """The largest error is at most 8 eps sqrt(reduction) of the array's RMS; integers are equal."""
    if expected.dtype.kind != "f" or not expected.size:
        np.testing.assert_array_equal(actual, expected, err_msg=name)
        return
    error, allowed = error_and_allowed(actual, expected, dtype, reduction)
    assert error <= allowed, f"{name} is off by {error:.2e}, allowed {allowed:.2e}"


def error_and_allowed(actual: np.ndarray, expected: np.ndarray, dtype: str, reduction: int) -> tuple[float, float]:
    rms = np.sqrt(np.mean(np.square(expected, dtype="float64")))
    eps = max(eps_of(dtype), eps_of(actual.dtype))  # an array of its own dtype may be coarser
    return np.abs(actual.astype("float64") - expected).max(initial=0), 8 * eps * np.sqrt(reduction) * rms


def widened(array: np.ndarray) -> np.ndarray:
    return array.astype("float64" if is_float(array.dtype) else array.dtype)


def each_array(function: Callable[[np.ndarray], Any], item: Any) -> Any:
    """`item` with `function` applied to the arrays in it."""
    if isinstance(item, dict):
        return {name: each_array(function, part) for name, part in item.items()}
    if isinstance(item, tuple):
        return tuple(each_array(function, part) for part in item)
    return function(item) if isinstance(item, np.ndarray) else item


def leaves(item: Any) -> list[Any]:
    """The arrays in an item of a case."""
    if isinstance(item, tuple):
        return [leaf for part in item for leaf in leaves(part)]
    return [item] if hasattr(item, "dtype") else []
