"""Models: compositions of layers that can also be called on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from numpy.typing import NDArray

from fusegrad.errors import perhaps
from fusegrad.graph.arena import ParamArena
from fusegrad.graph.cache import LeastRecentlyUsed
from fusegrad.graph.evaluation import Evaluation, spec_of_array
from fusegrad.graph.layer import Layer, Module
from fusegrad.graph.spec import GraphError, Spec
from fusegrad.graph.state import read_params, write_params
from fusegrad.graph.value import Value, check_extents


def Input(shape: Sequence[int], dtype: str = "float32", name: str = "") -> Value:
    """A place for an array that every batch brings, with its whole shape: `fg.Input((64, 784))`."""
    return Value(Spec(check_extents(shape), dtype), name=name)


class Model(Module):
    """A composition of layers: define `call(self, *values)` and return a Value, a tuple or a dict of them.

    Called on Values, a model adds its nodes to their graph.  Called on arrays, it evaluates them with the parameters as
    they are (layers run their `predict` pass) and returns fresh arrays; the program behind that is kept for each shape.
    """

    call: Callable[..., Any]

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        items = [*inputs, *named.values()]
        if not items or any(isinstance(item, Value) for item in items):
            if not hasattr(self, "call"):
                raise GraphError(f"{self} expects a method call(self, *values), which composes its layers")
            return self.call(*inputs, **named)
        return self.evaluation(items, tuple(named), names=()).run(items)

    def activations(self, inputs: Any, names: Sequence[str] | None = None) -> dict[str, Any]:
        """The outputs of the layers that `names` lists by path (default: all) for one batch: an array, or a tuple.

        A layer that is called several times gives its last output; GraphError for an unknown name.
        """
        paths = [path for path, module in self.named_modules() if isinstance(module, Layer)]
        wanted = paths if names is None else [names] if isinstance(names, str) else names
        for name in wanted:
            if name not in paths:
                raise GraphError(f"{self} has no layer {name!r}{perhaps(name, paths)}")
        arrays = inputs if isinstance(inputs, tuple) else (inputs,)
        return self.evaluation(arrays, (), tuple(wanted)).activations(arrays)

    def evaluation(self, arrays: Sequence[Any], keywords: tuple[str, ...], names: tuple[str, ...]) -> Evaluation:
        """The program that evaluates arrays of these shapes, kept for the next time."""
        arena = self.arena
        tree = tuple(self.named_modules())  # a model that was changed is traced anew
        kept = arena.evaluations.setdefault((tree, keywords, names), LeastRecentlyUsed())
        specs = tuple(spec_of_array(array, arena.dtype) for array in arrays)
        evaluation: Evaluation = kept.get(specs, lambda: Evaluation(self, arena, specs, keywords, names))
        return evaluation

    @property
    def arena(self) -> ParamArena:
        """The arena in which the parameters live; a new one for a model without any."""
        for param in self.params():
            assert isinstance(param.home, ParamArena)
            return param.home
        return ParamArena(self)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Fresh host copies of the model's parameters by name, with state that is not learnt."""
        return read_params(dict(self.named_params()))

    def load_state_dict(self, arrays: Mapping[str, Any], strict: bool = True) -> None:
        """Copy arrays over the model's parameters by name; GraphError, and no change, where they do not fit."""
        write_params(dict(self.named_params()), arrays, strict)

    def summary(self) -> str:
        """One line per layer: path, layer, number of learnt parameters, shapes; then the total.

        A width that no call has settled yet is None, and its parameter is not counted.
        """
        lines, total = [], 0
        for path, module in self.named_modules():
            if isinstance(module, Layer):
                params = module.layer_params()
                learnt = [param for param in params.values() if param.trainable and param.is_settled]
                count = sum(prod(param.shape) for param in learnt)
                shapes = ", ".join(f"{name} {param.extents}" for name, param in params.items())
                lines.append(f"{path:<32} {module!s:<24} {count:>12,}  {shapes}".rstrip())
                total += count
        return "\n".join([*lines, f"{'total':<57} {total:>12,}"])
