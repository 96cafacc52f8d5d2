"""One call of a schedule, and how a pass gets its arrays by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fusegrad.backend.dtypes import HALVES
from fusegrad.errors import perhaps
from fusegrad.graph.layer import Chain, buffers_of
from fusegrad.graph.spec import Buffer, GraphError
from fusegrad.graph.value import Node

SEED, STEP = Buffer(), Buffer()  # 0-d arrays of the arena, delivered to passes that name `seed` and `step`
LOSS_SCALE = Buffer()  # likewise: the gradient of the loss under loss scaling


@dataclass(frozen=True)
class Call:
    """One step of a schedule: a function and, in the order of its parameters, buffers, tuples of them, constants.

    `writes` are the buffers that it may write, `chain` is that of the layer whose backward pass it is, else None.
    """

    label: str
    function: Callable[..., None]
    arguments: tuple[Any, ...]
    writes: frozenset[Buffer] = frozenset()
    chain: Chain | None = None

    def buffers(self) -> Iterator[Buffer]:
        for argument in self.arguments:
            for item in argument if isinstance(argument, tuple) else (argument,):
                if isinstance(item, Buffer):
                    yield item


def known_arrays(index: int, node: Node) -> dict[str, Any]:
    """Everything that a pass of this node may name, except gradients."""
    known: dict[str, Any] = dict.fromkeys(node.layer.absent())  # first, so that none of them hides an array
    known |= {name: buffers_of(argument, "data") for name, argument in node.inputs.items()}
    known |= {name: value.data for name, value in node.outputs.items()} | node.extra
    halves = reads_halves(node)
    known |= {n: p.half if halves and p.trainable else p.data for n, p in node.layer.layer_params().items()}
    return known | {"seed": SEED, "step": STEP, "node": index}


def reads_halves(node: Node) -> bool:
    """Whether a node computes in half precision, and its parameters are to come in it."""
    return any(value.dtype in HALVES for value in node.input_values())


def make_call(node: Node, name_of_pass: str, known: dict[str, Any], targets: Iterable[Buffer]) -> Call:
    """The call of a node's `forward`, `predict` or `backward`, each parameter being given the array of that name.

    It may write its `targets`, and what the layer saves.
    """
    function = getattr(node.layer, name_of_pass)
    label = f"{type(node.layer).__name__}.{name_of_pass}"
    names = parameters(function)
    for name in names:
        if name not in known:
            raise GraphError(f"{label} names {name!r}, which is not an array of this layer{perhaps(name, known)}")
    chain = node.layer.chain if name_of_pass == "backward" else None
    saved = (item for item in node.extra.values() if isinstance(item, Buffer))
    return Call(label, function, tuple(known[name] for name in names), frozenset([*targets, *saved]), chain)


def named(call: Call) -> dict[str, Any]:
    """The arguments of a call by the names of the parameters."""
    return dict(zip(parameters(call.function), call.arguments, strict=True))


def parameters(function: Callable[..., None]) -> list[str]:
    """Names of the parameters of a pass, without `self`."""
    return list(inspect.signature(function).parameters)
