"""What is asked of a program: whether its graph is whole, and what it wants gradients of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from fusegrad.graph.arena import ParamArena
from fusegrad.graph.layer import Module
from fusegrad.graph.param import Param
from fusegrad.graph.spec import GraphError, require
from fusegrad.graph.value import Node, Value

Trainable = Module | Param | Iterable[Module | Param]


@dataclass(frozen=True)
class Demand:
    """What a program wants gradients of.

    `every_one`: it is an error if one of the parameters gets none.  `scaled`: they are to be times the loss scale.
    """

    params: Collection[Param]
    values: Collection[Value]
    every_one: bool
    scaled: bool

    def __bool__(self) -> bool:
        return bool(self.params or self.values)


def demand_of(
    nodes: Sequence[Node], gradients_of: Sequence[Value], train: Trainable | None, by_default: bool, scaled: bool
) -> Demand:
    """The parameters that `train` names, or all trainable ones of the nodes if that is the default, and the Values."""
    if train is not None:
        params = list(params_of(train))
    else:
        params = [param for node in nodes for param in node.layer.layer_params().values()] if by_default else []
    wanted = dict.fromkeys(param for param in params if param.trainable)
    return Demand(wanted, gradients_of, every_one=train is not None, scaled=scaled)


def params_of(train: Trainable) -> Iterator[Param]:
    """The parameters of a module, a parameter, or several of both."""
    if isinstance(train, Param):
        yield train
    elif isinstance(train, Module):
        yield from train.params()
    else:
        for item in train:
            yield from params_of(item)


def check_graph(nodes: Sequence[Node], inputs: Sequence[Value], ends: Sequence[Value], arena: ParamArena) -> None:
    """Every input that nodes or ends need is listed, and every parameter lives in this arena, in the nodes' dtype."""
    for value in inputs:
        require(value.node is None, "inputs", "graph inputs (see fg.Input)", value)
    for value in (*ends, *(value for node in nodes for value in node.input_values())):
        if value.node is None and value not in inputs:
            raise GraphError(f"the output depends on {value}, which is not among the program's inputs")
    for node in nodes:
        for name, param in node.layer.layer_params().items():
            check_param(f"{node.layer}.{name}", node, param, arena)


def check_param(name: str, node: Node, param: Param, arena: ParamArena) -> None:
    if param.arena is not arena:
        raise GraphError(f"{name} is not in this arena; make it of a model that has the layer")
    dtypes = {value.dtype for value in node.outputs.values() if value.spec.is_float} - {arena.dtype}
    require(not dtypes, name, f"inputs of the arena's {arena.dtype}", sorted(dtypes))
