"""The library as a backend in the sense of ONNX: CPU is the backend "cpu", CUDA the emulated GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, defs, helper, numpy_helper
from onnx.backend.base import Backend, BackendRep

from fusegrad.backend import resolve
from onnx_suite.machine import Machine
from onnx_suite.node import Node
from onnx_suite.operators import OPERATORS
from onnx_suite.training import gradient

DEVICES = {"CPU": "cpu", "CUDA": "emulated"}


class Representation(BackendRep):
    """A model, ready to run."""

    def __init__(self, model: ModelProto, machine: Machine) -> None:
        self.graph: GraphProto = model.graph
        self.machine = machine
        self.versions = {item.domain: item.version for item in model.opset_import}

    def run(self, inputs: Sequence[Any], **options: Any) -> tuple[np.ndarray, ...]:
        """The outputs of the graph for arrays of the host, one for each input that has no initial value."""
        values = {item.name: self.machine.array(numpy_helper.to_array(item)) for item in self.graph.initializer}
        names = [item.name for item in self.graph.input if item.name not in values]
        if len(inputs) > len(names):  # the given ones stand for all inputs, those with initial values among them
            names = [item.name for item in self.graph.input]
        values |= {name: self.machine.array(array) for name, array in zip(names, inputs, strict=True)}
        for proto in self.graph.node:
            values |= self.outputs(proto, values)
        return tuple(self.machine.host(values[item.name]) for item in self.graph.output)

    def outputs(self, proto: NodeProto, values: dict[str, Any]) -> dict[str, Any]:
        """What a node computes of values by name."""
        node = Node.of(proto, self.versions[proto.domain])
        if proto.op_type == "Gradient":
            results = gradient(self.machine, node, self.graph, values)
        else:
            inputs = [values[name] if name else None for name in proto.input]
            results = OPERATORS[proto.op_type](self.machine, node, *inputs)
        results = results if isinstance(results, tuple) else (results,)
        return dict(zip(proto.output, results, strict=False))


class FusegradBackend(Backend):
    """What `onnx.backend.test` calls."""

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **options: Any) -> Representation:
        super().prepare(model, device, **options)  # which checks the model
        return Representation(model, Machine(resolve(DEVICES[device])))

    @classmethod
    def run_node(
        cls, node: NodeProto, inputs: Sequence[Any], device: str = "CPU", outputs_info: Any = None, **options: Any
    ) -> tuple[np.ndarray, ...]:
        """The outputs of one node of the latest version for arrays of the host."""
        version = options.get("opset_version", defs.onnx_opset_version())
        described = [helper.make_empty_tensor_value_info(name) for name in (*node.input, *node.output)]
        graph = helper.make_graph([node], "node", described[: len(node.input)], described[len(node.input) :])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, version)])
        return Representation(model, Machine(resolve(DEVICES[device]))).run(inputs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device in DEVICES
