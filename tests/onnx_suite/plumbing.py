"""What brings arrays and types about, and what tells of shapes."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator


@operator("Identity")
def same(m: Machine, node: Node, x: Any) -> Any:
    return x


@operator("Cast")
def cast(m: Machine, node: Node, x: Any) -> Any:
    return m.cast(x, helper.tensor_dtype_to_np_dtype(node.attributes["to"]))


@operator("CastLike")
def cast_like(m: Machine, node: Node, x: Any, target: Any) -> Any:
    return m.cast(x, target.dtype)


@operator("Constant")
def constant(m: Machine, node: Node) -> Any:
    """The one attribute is a tensor, or since version 12 numbers: value_float, value_ints, …"""
    ((name, value),) = node.attributes.items()
    if name == "value":
        return m.array(numpy_helper.to_array(value))
    return m.array(value, "float32" if "float" in name else "int64")


@operator("ConstantOfShape")
def constant_of_shape(m: Machine, node: Node, shape: Any) -> Any:
    value = numpy_helper.to_array(node.attributes["value"]) if node.attributes else np.zeros(1, "float32")
    return m.filled(m.whole(shape), value.item(), value.dtype)


@operator("Shape")
def shape_of(m: Machine, node: Node, x: Any) -> Any:
    return m.array(np.array(x.shape[node.get("start", 0) : node.get("end")], "int64"))


@operator("Size")
def size_of(m: Machine, node: Node, x: Any) -> Any:
    return m.array(np.array(prod(x.shape), "int64"))
