"""What comes into a program: arrays of a batch, checked and copied into their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusegrad.graph.spec import GraphError, require
from fusegrad.graph.value import Node, Value

UNSIGNED = {np.dtype(kind).itemsize: np.dtype(kind) for kind in ("u1", "u2", "u4", "u8")}


Rearrangement = Callable[[Any], Any]


@dataclass(frozen=True)
class Limit:
    """Integers that lie in 0 .. below-1, or are `exempt`: those that are left of an array after `path`."""

    below: int
    path: tuple[Rearrangement, ...]
    exempt: int | None = None

    def check(self, name: str, source: Any) -> None:
        for rearranged in self.path:
            source = rearranged(source)
        if self.exempt is not None:
            source = np.where(source == self.exempt, source.dtype.type(0), source)
        unsigned = source.view(UNSIGNED[source.itemsize])  # negative numbers become the largest: one search finds all
        wrong = int(source.reshape(-1)[int(unsigned.argmax())])  # CuPy's `item` takes no position
        if not 0 <= wrong < self.below:
            raise GraphError(f"{name} expects integers in 0 .. {self.below}-1, got {wrong}")


class Place:
    """Where one array of a batch goes, and what it has to be."""

    __slots__ = ("destination", "dtype", "limits", "name", "shape")

    def __init__(self, name: str, destination: Any, limits: Sequence[Limit]) -> None:
        self.name, self.destination, self.limits = name, destination, limits
        self.shape, self.dtype = destination.shape, destination.dtype

    def fitted(self, array: Any) -> Any:
        """The array in the dtype of its place; GraphError where shape or kind of number do not fit."""
        source = array if hasattr(array, "dtype") else np.asarray(array)
        require(source.shape == self.shape, self.name, f"shape {self.shape}", source.shape)
        fits = np.can_cast(source.dtype, self.dtype, casting="same_kind")
        require(fits, self.name, f"dtype {self.dtype}", source.dtype)
        return source.astype(self.dtype, copy=False)


def check_batch(places: Sequence[Place], batch: Sequence[Any]) -> list[Any]:
    """The arrays of a batch, ready to be copied; GraphError if one of them does not fit."""
    if len(batch) != len(places):
        raise GraphError(f"the program expects {len(places)} arrays, got {len(batch)}")
    sources = []
    for place, array in zip(places, batch, strict=True):  # of every step: the usual case takes as little as it can
        fits = type(array) is np.ndarray and array.dtype is place.dtype and array.shape == place.shape
        source = array if fits else place.fitted(array)
        for limit in place.limits:
            limit.check(place.name, source)
        sources.append(source)
    return sources


def index_limits(nodes: Iterable[Node]) -> dict[Value, list[Limit]]:
    """For every graph input whose integers are used as indices: which of them, and the number below which they lie."""
    limits: dict[Value, list[Limit]] = {}
    for node in nodes:
        for name, below in node.limits.items():
            value, path = origin(node, name)
            limits.setdefault(value, []).append(Limit(below, path, node.exempt.get(name)))
    return limits


def origin(node: Node, name: str) -> tuple[Value, tuple[Rearrangement, ...]]:
    """The graph input from which integers come, and what was done to it; GraphError where they were computed."""
    value, path = node.inputs[name], []
    assert isinstance(value, Value)
    while value.node is not None:
        if value.node.layer.rearranged is None:
            raise GraphError(f"{node.layer} expects {name} to come from a graph input, for its range to be checked")
        path.append(value.node.layer.rearranged)
        value = next(value.node.input_values())
    return value, tuple(reversed(path))
