"""What tests measure with: the parity of two implementations of an op, and the one rule for tolerances.

Every array that an op is given, outputs and accumulators too, is filled with random numbers; both implementations run,
and all arrays are compared.  No list of outputs is needed: an input that changed, or an accumulated gradient that was
overwritten, shows by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fusegrad.backend import Backend, resolve
from fusegrad.ops import Op


@dataclass(frozen=True)
class Draw:
    """Random numbers for one array, uniform from `low` up to `high`; of the dtype under test unless it has its own."""

    shape: tuple[int, ...]
    low: float = -2
    high: float = 2
    dtype: str | None = None
    order: str = "C"

    def fill(self, generator: np.random.Generator, dtype: str) -> np.ndarray:
        own = np.dtype(self.dtype or dtype)
        draw = generator.uniform if own.kind == "f" else generator.integers
        return np.asarray(draw(self.low, self.high, self.shape), own, order=self.order)


Entry = Draw | tuple[int, ...] | list[Any] | int | None


@dataclass(frozen=True)
class Case:
    """Arrays of an op by parameter name, and its options.

    An array is given by its shape, a `Draw`, a list of those, or None.  `reduction` is the length of the longest sum
    behind one element, which sets the tolerance.
    """

    label: str
    arrays: Mapping[str, Entry]
    options: Mapping[str, Any] = field(default_factory=dict)
    reduction: int = 1

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
    home = backend or resolve("cpu")
    given = case.fill(dtype)
    expected, actual = each_array(widened, given), each_array(lambda array: home.asarray(array.copy("K")), given)
    op.reference(**expected, **case.options)
    run(**actual, **case.options)
    for name in given:
        for wanted, got in zip(leaves(expected[name]), leaves(actual[name]), strict=True):
            check_close(f"{case.label}: {name}", home.to_numpy(got), wanted, dtype, case.reduction)


def check_close(name: str, actual: np.ndarray, expected: np.ndarray, dtype: str, reduction: int = 1) -> None:
    """The largest error is at most 8 eps sqrt(reduction) of the array's RMS; integers are equal."""
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected, err_msg=name)
        return
    rms = np.sqrt(np.mean(np.square(expected, dtype="float64")))
    error = np.abs(actual.astype("float64") - expected).max(initial=0)
    allowed = 8 * np.finfo(dtype).eps * np.sqrt(reduction) * rms
    assert error <= allowed, f"{name} is off by {error:.2e}, allowed {allowed:.2e}"


def widened(array: np.ndarray) -> np.ndarray:
    return array.astype("float64" if array.dtype.kind == "f" else array.dtype)


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
