"""What is asked of data before any parameter changes."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from fusegrad.training.structure import Structure, leaves

ROWS = 1 << 16  # elements looked at together, so that a check of a large data set stays small
SEEDS = 2**64  # there are so many seeds


def whole_number(number: Any, name: str, least: int, below: int | None = None) -> int:
    """`number` as an int; ValueError unless it is one of at least `least`, and below `below` where that is given."""
    try:
        whole = index(number)
    except TypeError:
        raise ValueError(f"{name} expects an integer, got {number!r}") from None
    if whole < least:
        raise ValueError(f"{name} expects at least {least}, got {whole}")
    if below is not None and whole >= below:
        raise ValueError(f"{name} expects less than {below}, got {whole}")
    return whole


def count_rows(x: Structure, y: Structure, weight: Any) -> int:
    """The number of samples; ValueError where there is none or the arrays disagree."""
    named = leaves(x, "x") | leaves(y, "y")
    if not leaves(x, "x"):
        raise ValueError("x expects at least one array, got none")
    first, rows = next((label, len(array)) for label, array in named.items())
    if rows == 0:
        raise ValueError(f"{first} expects at least one sample, got shape {named[first].shape}")
    for label, array in named.items():
        if len(array) != rows:
            raise ValueError(f"{label} expects {rows} rows, as many as {first}, got {len(array)}")
        if array.size == 0:
            raise ValueError(f"{label} expects extents of at least 1, got shape {array.shape}")
    if weight is not None and weight.shape != (rows,):
        raise ValueError(f"sample_weight expects shape {(rows,)}, one for each sample, got {weight.shape}")
    return rows


def check_numbers(x: Structure, y: Structure, weight: Any, dtype: str) -> None:
    """ValueError for the first number that is not finite in `dtype`, or the first weight below 0."""
    for label, array in (leaves(x, "x") | leaves(y, "y") | leaves(weight, "sample_weight")).items():
        check_finite(label, array, dtype)
    if weight is not None and (weight < 0).any():
        row = int((weight < 0).argmax())
        raise ValueError(f"sample_weight expects numbers of at least 0, got {weight[row]} in row {row}")


def check_finite(label: str, array: Any, dtype: str) -> None:
    if array.dtype.kind != "f":
        return
    rows = max(1, ROWS // max(1, array[0].size))
    for start in range(0, len(array), rows):
        part = array[start : start + rows]
        with np.errstate(over="ignore"):  # a number too large for `dtype` becomes infinite, and is reported
            finite = np.isfinite(part.astype(dtype, copy=False)).reshape(len(part), -1).all(1)
        if not finite.all():
            row = start + int((~finite).argmax())
            raise ValueError(f"{label} expects finite {dtype} numbers, got NaN or infinity, first in row {row}")
