"""Modules, which are trees of named parameters, and layers, which are the kinds of node."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusegrad.errors import perhaps
from fusegrad.expr import Function
from fusegrad.graph.param import Param
from fusegrad.graph.precision import INPUTS
from fusegrad.graph.spec import Arrays, Buffer, Constant, GraphError, require
from fusegrad.graph.value import Argument, Node, Value
from fusegrad.ops import Op


class Module:
    """A tree of layers and parameters, found by walking attributes, lists and dicts: `blocks.0.project.weight`."""

    __call__: Callable[..., Any]

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Every module of the tree once, itself first, under the first path that leads to it."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            children = [(join(path, name), item) for name, item in module.members() if isinstance(item, Module)]
            stack += reversed(children)

    def named_params(self, prefix: str = "") -> Iterator[tuple[str, Param]]:
        """Every parameter once; a shared one under the first path that leads to it."""
        seen: set[Param] = set()
        for path, module in self.named_modules(prefix):
            for name, item in module.members():
                if isinstance(item, Param) and item not in seen:
                    seen.add(item)
                    yield join(path, name), item

    def params(self) -> list[Param]:
        return [param for _, param in self.named_params()]

    def members(self) -> Iterator[tuple[str, object]]:
        """Attributes, with the items of lists, tuples and dicts under dotted names."""
        for name, child in vars(self).items():
            if isinstance(child, dict):
                yield from ((f"{name}.{key}", item) for key, item in child.items())
            elif isinstance(child, list | tuple):
                yield from ((f"{name}.{index}", item) for index, item in enumerate(child))
            else:
                yield name, child

    def __repr__(self) -> str:
        return type(self).__name__


@dataclass(frozen=True)
class Chain:
    """What a layer y = f(x weightᵀ + bias) offers for joining its backward pass with those of its neighbours.

    Its pass names dy, weight, dx, add_dx, dbias, add_dbias and, where f is not the identity, dh and what f' is computed
    from.  `function` is f; `after_dh` the pass for a dy that is dh; `through` gives, for the f of a layer below, the op
    that computes dx as dh of that layer, and its dbias.
    """

    function: Function
    after_dh: Op
    through: Callable[[Function], Op]


class Layer(Module):
    """A kind of node: shape inference, a forward pass and a backward pass.

    `plan(specs) -> Arrays` names inputs by its parameters and outputs and saved arrays by its answer.
    `forward` receives arrays **by parameter name**: inputs, outputs, saved arrays, and parameters by the name of their
    attribute.  `backward` may also name `d<name>`, the gradient of any input, output or parameter; it reads those of
    outputs and writes the others, of which those that nobody needs are None.  What backward names is what is kept:
    `Tanh.backward(self, y, dy, dx)` keeps y and frees x.  `predict`, where defined, is the forward pass of programs
    without backward.  `backward = None` stops gradients.

    Passes write into what they are given, overwrite it, and allocate nothing.  A gradient that must be added to instead
    is written aside and added by the engine, unless backward can add by itself and says so by naming `add_d<name>`
    (`add_dx`; not for inputs of any number), which is then True or False.  Further names: `seed`, `step` (0-d arrays)
    and `node` (an int), the coordinates of a random draw.
    """

    plan: Callable[..., Arrays]
    forward: Callable[..., None]
    backward: Callable[..., None] | None
    chain: Chain | None = None  # of layers whose backward pass can be joined with that of the layer below
    rearranged: Callable[[Any], Any] | None = None  # of layers that only move elements: the output for an input
    elementwise: Function | None = None  # of layers that only compute every element by a scalar function: that
    computes_in: str = INPUTS  # under mixed precision, see `precision`

    def __call__(self, *inputs: Value, **named: Value) -> Any:
        """Trace one call: a Value, or a tuple of Values where the layer has several outputs."""
        require(hasattr(self, "plan"), self, "a method `plan`, which every layer defines", "none")
        arguments = self.bind_inputs(inputs, named)
        arrays = self.planned(arguments.arguments)
        require(isinstance(arrays, Arrays), self, "a plan that returns fg.Arrays", type(arrays).__name__)
        node = self.node(dict(arguments.arguments), arrays)
        node.outputs = {name: Value(spec, node) for name, spec in arrays.outputs.items()}
        self.check_names(node)
        outputs = tuple(node.outputs.values())
        return outputs[0] if len(outputs) == 1 else outputs

    def planned(self, inputs: Mapping[str, Argument]) -> Arrays:
        """What `plan` makes of the Specs of these inputs, by the names that it gives them."""
        arguments = inspect.BoundArguments(inspect.signature(self.plan), OrderedDict(inputs))
        return self.plan(*spec_of(list(arguments.args)), **spec_of(arguments.kwargs))

    def node(self, inputs: dict[str, Argument], arrays: Arrays) -> Node:
        """A node of this layer, as yet without outputs."""
        extra = {name: Buffer(spec) for name, spec in arrays.saved.items()}
        extra |= {name: as_constant(item) for name, item in arrays.constants.items()}
        return Node(self, inputs, extra=extra, limits=arrays.indices, exempt=arrays.exempt)

    def in_place_of(self, node: Node, inputs: Mapping[str, Argument]) -> Node:
        """A node of this layer that computes the outputs of `node` from `inputs`."""
        arrays = self.planned(inputs)
        new = self.node(dict(inputs), arrays)
        new.outputs = dict(zip(arrays.outputs, node.outputs.values(), strict=True))
        return new

    def bind_inputs(self, inputs: tuple[Value, ...], named: dict[str, Value]) -> inspect.BoundArguments:
        """Inputs under the names that `plan` gives them; GraphError for a wrong name, number or kind."""
        signature = inspect.signature(self.plan)
        for name in named:
            if name not in signature.parameters:
                raise GraphError(f"{self} has no input {name!r}{perhaps(name, signature.parameters)}")
        for value in (*inputs, *named.values()):
            if value is not None and not isinstance(value, Value):
                raise GraphError(f"{self} expects Values (see fg.Input), got {type(value).__name__}")
        try:
            arguments = signature.bind(*inputs, **named)
        except TypeError as error:
            expected = ", ".join(map(str, signature.parameters.values()))
            raise GraphError(f"{self} expects inputs ({expected}), got {len(inputs) + len(named)}: {error}") from None
        arguments.apply_defaults()
        return arguments

    def check_names(self, node: Node) -> None:
        """GraphError where two arrays of the layer have one name, or one is named like a coordinate of random draws."""
        names = [*node.inputs, *node.outputs, *node.extra, *self.layer_params(), "seed", "step", "node"]
        twice = [name for name in names if names.count(name) > 1]
        require(not twice, self, "one name for each array", twice)

    def absorb(self, function: Function) -> Layer | None:
        """A layer that computes function(output) with the parameters of this one; None where there is none."""
        return None

    def layer_params(self) -> dict[str, Param]:
        return {name: item for name, item in self.members() if isinstance(item, Param)}

    def absent(self) -> list[str]:
        """Attributes that are None, such as the bias of a Linear without: passes that name them receive None."""
        return [name for name, item in self.members() if item is None]


def as_constant(item: Any) -> Any:
    """Arrays as a `Constant` with a copy of its own; anything else is delivered to passes as it is."""
    return Constant(None, np.array(item)) if isinstance(item, np.ndarray) else item


def spec_of(values: Any) -> Any:
    """Values replaced by their Specs, in lists, tuples and dicts too."""
    if isinstance(values, Value):
        return values.spec
    if isinstance(values, list):
        return [spec_of(value) for value in values]
    if isinstance(values, dict):
        return {name: spec_of(value) for name, value in values.items()}
    return values


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def buffers_of(argument: Argument, kind: str) -> Any:
    """The data or gradient buffers behind an argument of a node, in the same structure."""
    if isinstance(argument, tuple):
        return tuple(getattr(value, kind) for value in argument)
    return None if argument is None else getattr(argument, kind)
