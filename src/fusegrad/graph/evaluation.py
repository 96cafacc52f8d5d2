"""Evaluating a model on arrays: a program without backward for each shape that comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from fusegrad.backend.dtypes import is_float
from fusegrad.graph.arena import ParamArena
from fusegrad.graph.layer import Module
from fusegrad.graph.program import Program
from fusegrad.graph.spec import GraphError, Spec
from fusegrad.graph.value import Value, toposort


class Callee(Protocol):
    """What is evaluated: a model, without importing it here."""

    call: Callable[..., Any]

    def named_modules(self) -> Iterator[tuple[str, Module]]: ...


class Evaluation:
    """A traced evaluation of `model` for arrays of the given specs, and a program that runs it.

    `names` lists the layers, by path, whose outputs `activations` is to return.
    """

    def __init__(
        self,
        model: Callee,
        arena: ParamArena,
        specs: Sequence[Spec],
        keywords: Sequence[str],
        names: Sequence[str],
    ) -> None:
        inputs = [Value(spec, name=f"input {i}") for i, spec in enumerate(specs)]
        positional = len(inputs) - len(keywords)
        self.result = model.call(*inputs[:positional], **dict(zip(keywords, inputs[positional:], strict=True)))
        self.outputs = flatten(self.result)
        layers = {module: path for path, module in model.named_modules() if path in names}
        calls = [node for node in toposort(self.outputs) if node.layer in layers]
        self.layers = {layers[node.layer]: next(iter(node.outputs.values())) for node in calls}
        self.program = Program(inputs, self.outputs, arena, keep=list(self.layers.values()))

    def run(self, arrays: Sequence[Any]) -> Any:
        """Fresh arrays in the structure that the model returned."""
        results = self.program.evaluate(*arrays)
        return restore(self.result, dict(zip(self.outputs, results, strict=True)))

    def activations(self, arrays: Sequence[Any]) -> dict[str, Any]:
        self.program.evaluate(*arrays)
        return {path: self.program.read(value) for path, value in self.layers.items()}


def spec_of_array(array: Any, dtype: str) -> Spec:
    """Shape of an array and the dtype that it has in a graph that computes in `dtype`."""
    source = array if hasattr(array, "dtype") else np.asarray(array)
    return Spec(source.shape, dtype if is_float(source.dtype) else source.dtype.name)


def flatten(result: Any) -> list[Value]:
    """The Values in what a model returned: a Value, or a tuple, list or dict of them."""
    if isinstance(result, Value):
        return [result]
    if not isinstance(result, Mapping | tuple | list):
        raise GraphError(f"a model expects to return Values, in tuples, lists or dicts, got {type(result).__name__}")
    items = result.values() if isinstance(result, Mapping) else result
    return [value for item in items for value in flatten(item)]


def restore(result: Any, arrays: Mapping[Value, Any]) -> Any:
    """`result` with every Value replaced by its array."""
    if isinstance(result, Value):
        return arrays[result]
    if isinstance(result, Mapping):
        return {name: restore(item, arrays) for name, item in result.items()}
    items = [restore(item, arrays) for item in result]
    return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
