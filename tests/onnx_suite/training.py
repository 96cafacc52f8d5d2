"""The operators of training: updates by the optimizers, and gradients by a program."""

from __future__ import annotations

import operator as python
from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import GraphProto

from fusegrad.graph import Input, ParamArena, Program
from fusegrad.graph import sum as total
from fusegrad.optimizers import SGD, Adagrad, Adam, Optimizer
from onnx_suite.elementwise import times
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator

DIFFERENTIABLE = {"Add": python.add, "Div": python.truediv, "Mul": python.mul, "Sub": python.sub}


@operator("Adam")
def adam(m: Machine, node: Node, rate: Any, count: Any, *arrays: Any) -> tuple[Any, ...]:
    """Without the corrections for moments that began at 0 where T is 0."""
    optimizer = Adam(
        m.number(rate),
        betas=(node.get("alpha", 0.9), node.get("beta", 0.999)),
        eps=node.get("epsilon", 1e-6),
        weight_decay=node.get("norm_coefficient", 0.0),
    )
    (updates,) = m.whole(count)
    scalars = optimizer.scalars(max(1, updates)) | ({} if updates else {"correction1": 1.0, "correction2": 1.0})
    values, *slots = updated(m, optimizer, scalars, arrays)
    after = 1 - node.get("norm_coefficient_post", 0.0)
    return *(times(m, value, after) for value in values), *slots[0], *slots[1]


@operator("Adagrad")
def adagrad(m: Machine, node: Node, rate: Any, count: Any, *arrays: Any) -> tuple[Any, ...]:
    optimizer = Adagrad(
        m.number(rate),
        lr_decay=node.get("decay_factor", 0.0),
        eps=node.get("epsilon", 1e-6),
        weight_decay=node.get("norm_coefficient", 0.0),
    )
    (updates,) = m.whole(count)
    values, totals = updated(m, optimizer, optimizer.scalars(updates + 1), arrays)
    return *values, *totals


@operator("Momentum")
def momentum(m: Machine, node: Node, rate: Any, count: Any, *arrays: Any) -> tuple[Any, ...]:
    """What ONNX calls beta is 1 less the dampening; the first gradient is not dampened."""
    optimizer = SGD(
        m.number(rate),
        momentum=node.attributes["alpha"],
        dampening=1 - node.attributes["beta"],
        nesterov=node.attributes["mode"] == "nesterov",
        weight_decay=node.get("norm_coefficient", 0.0),
    )
    (updates,) = m.whole(count)
    values, velocities = updated(m, optimizer, optimizer.scalars(updates + 1), arrays)
    return *values, *velocities


def updated(m: Machine, optimizer: Optimizer, scalars: Mapping[str, float], arrays: tuple[Any, ...]) -> list[Any]:
    """New values and slots, a list of each; `arrays` are all values, then all gradients, then all of each slot."""
    update, scalars = optimizer.update(decay=True), {**scalars, "scale": 1.0}
    names = ("value", "grad", *optimizer.slots)
    count = len(arrays) // len(names)
    results: list[list[Any]] = []
    for own in zip(*(arrays[start : start + count] for start in range(0, len(arrays), count)), strict=True):
        known = {name: array.copy() for name, array in zip(names, own, strict=True)}
        numbers = {name: m.array(np.asarray(number, own[0].dtype)) for name, number in scalars.items()}
        wanted = update.__signature__.parameters
        m.run(update, **{name: array for name, array in (known | numbers).items() if name in wanted})
        results.append([known[name] for name in names if name != "grad"])
    return [list(column) for column in zip(*results, strict=True)]


def gradient(m: Machine, node: Node, graph: GraphProto, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """The gradients of the sum of `y` by `xs`: the nodes between them, once more as a program."""
    wanted = node.attributes["xs"]
    names = [name.decode() if isinstance(name, bytes) else name for name in wanted]
    inputs = {name: Input(values[name].shape, values[name].dtype.name) for name in names}
    known: dict[str, Any] = dict(inputs)
    for proto in graph.node:
        if proto.op_type in DIFFERENTIABLE and proto.output[0] in values:
            known[proto.output[0]] = DIFFERENTIABLE[proto.op_type](*(known[name] for name in proto.input))
    arena = ParamArena([], backend=m.backend.name)
    xs = list(inputs.values())
    program = Program(xs, total(known[node.attributes["y"]]), arena, gradients_of=xs)
    program.forward(*(m.host(values[name]) for name in names))
    program.backward()
    return tuple(map(program.gradient, xs))
