"""Models and losses called on Values for batches of given shapes."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusegrad.graph import GraphError, Input, Module, Spec, Value, require
from fusegrad.training.objective import Objective
from fusegrad.training.row_data import NAMES, Batch
from fusegrad.training.structure import leaves, mapped


@dataclass(frozen=True)
class Traced:
    """A model called on the Values of a batch; `loss` is None where there are no targets."""

    batch: Batch
    outputs: Any
    loss: Value | None


class Tracer:
    """Calls a model and its losses on the Values of a batch, whose kind the first batch decides."""

    def __init__(self, model: Module, objective: Objective, precision: str) -> None:
        require(isinstance(model, Module) and callable(model), "Trainer", "a model or a layer", type(model).__name__)
        self.model, self.objective, self.precision = model, objective, precision
        self.seen: dict[str, Spec] = {}

    def specs(self, batch: Batch) -> Batch:
        """Shapes of a batch, of arrays or Specs, with the dtypes that the program computes in."""
        x = mapped(self.spec_of_input, batch.x, "x")
        y = mapped(self.spec_of_target, batch.y, "y")
        return Batch(x, y, mapped(self.spec_of_weight, batch.weight, "sample_weight"))

    def spec_of_input(self, _: str, array: Any) -> Spec:
        return spec_of(array.shape, np.dtype(array.dtype), self.precision, labels=False)

    def spec_of_target(self, _: str, array: Any) -> Spec:
        return spec_of(array.shape, np.dtype(array.dtype), self.precision, labels=True)

    def spec_of_weight(self, _: str, array: Any) -> Spec:
        return Spec(array.shape, self.precision)

    def trace(self, specs: Batch) -> Traced:
        """Call model and losses on Values; GraphError where the batch does not fit them."""
        self.check_alike(specs)
        batch = Batch(*(mapped(as_input, part, name) for part, name in zip(specs.parts(), NAMES, strict=True)))
        try:
            outputs = self.call(batch.x)
            loss = None if batch.y is None else self.objective(outputs, batch.y, batch.weight)
        except GraphError as error:
            raise GraphError(f"{error}{self.differences(specs)}") from None
        return Traced(batch, outputs, loss)

    def call(self, x: Any) -> Any:
        model: Any = self.model
        inputs = () if isinstance(x, dict) else x if isinstance(x, tuple) else (x,)
        named = x if isinstance(x, dict) else {}
        signature = inspect.signature(getattr(model, "call", model))
        try:
            signature.bind(*inputs, **named)
        except TypeError as error:
            raise GraphError(f"{model} expects inputs {signature}, got {list(leaves(x, 'x'))}: {error}") from None
        return model(*inputs, **named)

    def check_alike(self, specs: Batch) -> None:
        """GraphError where a batch has other arrays than earlier ones, or inputs of another rank or kind of number."""
        known, named = self.seen, specs.named()
        for part in ("x", "y"):
            old, new = (sorted(label for label in labels if label.startswith(part)) for labels in (known, named))
            require(not old or not new or old == new, f"after the first batch, {part}", f"{old}", new)
        for label in leaves(specs.x, "x"):
            spec, first = named[label], known.get(label, named[label])
            fits = len(spec.shape) == len(first.shape) and spec.is_float == first.is_float
            require(fits, label, f"{batches_like(first)} as in the first batch", spec)

    def differences(self, specs: Batch) -> str:
        """The end of a message about a batch that does not fit: how it differs from the first one."""
        changed = [
            f"; {label} was {batches_like(self.seen[label])} in the first batch, now {spec}"
            for label, spec in specs.named().items()
            if label in self.seen and self.seen[label].shape[1:] != spec.shape[1:]
        ]
        return "".join(changed)


def as_input(label: str, spec: Spec) -> Value:
    return Input(spec.shape, spec.dtype, name=label)


def batches_like(spec: Spec) -> str:
    extents = ", ".join(map(str, spec.shape[1:]))
    return f"(batch, {extents}) {spec.dtype}" if extents else f"(batch,) {spec.dtype}"


def spec_of(shape: tuple[int, ...], dtype: np.dtype[Any], precision: str, labels: bool) -> Spec:
    """Floats as they are computed with; integers as they come, but labels as 32 or 64 bits."""
    if dtype.kind == "f":
        return Spec(shape, precision)
    if labels:
        return Spec(shape, "int32" if dtype == "int32" else "int64")
    return Spec(shape, "uint8" if dtype.kind == "b" else dtype.name)
