"""What losses ask of their inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fusegrad.graph import Layer, Spec, require

ELEMENTS = 1 << 16  # looked at together, so that the check of a large array stays small


def check_pair(layer: Layer, x: Spec, target: Spec, weight: Spec | None) -> Spec:
    """One scalar from predictions and targets of one shape."""
    require(x.is_float and len(x.shape) > 0, layer, "floating-point predictions (batch, …)", x)
    require(target.is_float, layer, "floating-point targets", f'{target}; perhaps y.astype("float32")')
    hint = "; perhaps y[:, None]" if (*target.shape, 1) == x.shape else ""
    require(target.shape == x.shape, layer, f"targets of the predictions' shape {x.shape}", f"{target.shape}{hint}")
    check_weight(layer, x.shape[0], weight)
    return Spec((), x.dtype)


def check_weight(layer: Layer, batch: int, weight: Spec | None) -> None:
    if weight is not None:
        require(
            weight.shape == (batch,) and weight.is_float,
            layer,
            f"one floating-point weight for each of {batch} samples",
            weight,
        )


def first_row(target: Any, wrong: Callable[[Any], Any]) -> int | None:
    """The number of the first row of which `wrong` says so; it gets some rows and returns a truth for each."""
    rows = max(1, ELEMENTS // max(1, target[0].size))
    for start in range(0, len(target), rows):
        found = wrong(target[start : start + rows])
        if found.any():
            return start + int(found.argmax())
    return None


def fault(target: Any, wrong: Callable[[Any], Any], expected: str) -> str | None:
    """What was expected of floating-point targets and which row has something else; None where all is right."""
    row = first_row(target, wrong) if target.dtype.kind == "f" else None
    return None if row is None else f"{expected}, got {target[row]} in row {row}"


def outside(rows: Any) -> Any:
    """Rows with a number that is not in [0, 1]."""
    return any_of((rows < 0) | (rows > 1))


def below_zero(rows: Any) -> Any:
    """Rows with a number below 0."""
    return any_of(rows < 0)


def no_sign(rows: Any) -> Any:
    """Rows with a number that is neither -1 nor 1."""
    return any_of(np.abs(rows) != 1)


def any_of(wrong: Any) -> Any:
    return wrong.reshape(len(wrong), -1).any(1)


def no_distribution(rows: Any) -> Any:
    """Rows with a distribution over the last axis that has a negative number, or a sum that is not 1."""
    wrong = (rows < 0).any(-1) | (np.abs(rows.sum(-1, dtype="float64") - 1) > 1e-3)
    return any_of(wrong)
