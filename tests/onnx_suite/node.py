"""A node of an ONNX graph, as the functions of operators see it, and the table that they enter themselves into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onnx import NodeProto, helper

Run = Callable[..., Any]
OPERATORS: dict[str, Run] = {}


@dataclass(frozen=True)
class Node:
    """Attributes by name, the version of the operator set, and how many outputs are wanted."""

    attributes: dict[str, Any]
    version: int
    outputs: int

    @classmethod
    def of(cls, proto: NodeProto, version: int) -> Node:
        attributes = {item.name: decoded(helper.get_attribute_value(item)) for item in proto.attribute}
        return cls(attributes, version, len(proto.output))

    def get(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)


def decoded(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def operator(*names: str) -> Callable[[Run], Run]:
    """Enter a function of (machine, node, *inputs) as what computes these operators.

    Inputs that a node leaves out are None.  The function returns its output, or a tuple of several.
    """

    def enter(run: Run) -> Run:
        OPERATORS.update(dict.fromkeys(names, run))
        return run

    return enter
