"""Activation functions, Softmax and Dropout."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from fusegrad.expr import Function, clip, function, maximum, minimum, where
from fusegrad.expr import activations as known
from fusegrad.ops import Op, dropout, log_softmax
from fusegrad.ops import prelu as learnt
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator

PLAIN = {
    "HardSwish": known.hard_swish,
    "Mish": known.mish,
    "Relu": known.relu,
    "Sigmoid": known.sigmoid,
    "Softplus": known.softplus,
    "Softsign": known.softsign,
    "Tanh": known.tanh,
}


def hard_sigmoid(node: Node) -> Function:
    alpha, beta = node.get("alpha", 0.2), node.get("beta", 0.5)
    return function(lambda x: clip(alpha * x + beta, 0, 1), name="hard_sigmoid")


def selu(node: Node) -> Function:
    """The constants of ONNX are those of the paper, rounded to float32."""
    alpha, gamma = node.get("alpha", known.SELU_ALPHA), node.get("gamma", known.SELU_SCALE)
    own = known.elu(alpha)
    return function(lambda x: gamma * own(x), name="selu")


def shrink(node: Node) -> Function:
    bound, bias = node.get("lambd", 0.5), node.get("bias", 0.0)
    if bias == 0:
        return known.hard_shrink(bound)
    if bias == bound:
        return known.soft_shrink(bound)
    return function(lambda x: where(x < -bound, x + bias, where(x > bound, x - bias, 0)), name="shrink")


def swish(node: Node) -> Function:
    """x σ(α x)."""
    alpha = node.get("alpha", 1.0)
    return known.silu if alpha == 1 else function(lambda x: x * known.sigmoid(alpha * x), name="swish")


WITH_PARAMETERS: dict[str, Callable[[Node], Function]] = {
    "Celu": lambda node: known.celu(node.get("alpha", 1.0)),
    "Elu": lambda node: known.elu(node.get("alpha", 1.0)),
    "Gelu": lambda node: known.gelu_tanh if node.get("approximate") == "tanh" else known.gelu,
    "HardSigmoid": hard_sigmoid,
    "LeakyRelu": lambda node: known.leaky_relu(node.get("alpha", 0.01)),
    "Selu": selu,
    "Shrink": shrink,
    "Swish": swish,
    "ThresholdedRelu": lambda node: known.threshold(node.get("alpha", 1.0), 0.0),
}


def enter(name: str, made: Callable[[Node], Function]) -> None:
    @operator(name)
    def run(m: Machine, node: Node, x: Any) -> Any:
        return m.applied(made(node), x)


for title, of_x in PLAIN.items():
    enter(title, lambda node, of_x=of_x: of_x)
for title, made in WITH_PARAMETERS.items():
    enter(title, made)


@operator("SwiGLU")
def swiglu(m: Machine, node: Node, a: Any, b: Any) -> Any:
    """a σ(α a) b."""
    gate = swish(node)
    return m.applied(function(lambda a, b: gate(a) * b, name="swiglu"), a, b)


@operator("PRelu")
def prelu(m: Machine, node: Node, x: Any, slope: Any) -> Any:
    """By the op where slopes belong to one axis; up to version 6 those of one axis belonged to the channels."""
    if node.version < 7 and slope.ndim == 1 and x.ndim > 2:
        slope = slope.reshape(-1, *[1] * (x.ndim - 2))
    places = [x.ndim - slope.ndim + axis for axis, extent in enumerate(slope.shape) if extent > 1]
    if len(places) > 1:
        return m.applied(known.prelu, x, slope)
    return m.made(learnt.forward, x, slope.reshape(-1), axis=places[0] if places else 0)


@operator("Clip")
def clipped(m: Machine, node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    """Bounds are attributes up to version 6, inputs since 11, each of which may be missing."""
    least = node.get("min") if low is None else low
    most = node.get("max") if high is None else high
    if least is not None:
        x = m.applied(AT_LEAST, x, m.array(np.asarray(least, x.dtype)) if low is None else low)
    if most is not None:
        x = m.applied(AT_MOST, x, m.array(np.asarray(most, x.dtype)) if high is None else high)
    return x


AT_LEAST = function(lambda x, low: maximum(x, low), name="at_least")
AT_MOST = function(lambda x, high: minimum(x, high), name="at_most")


@operator("Softmax")
def softmax(m: Machine, node: Node, x: Any) -> Any:
    return over_axis(m, node, log_softmax.softmax_forward, x)


@operator("LogSoftmax")
def logarithm_of_softmax(m: Machine, node: Node, x: Any) -> Any:
    return over_axis(m, node, log_softmax.forward, x)


def over_axis(m: Machine, node: Node, op: Op, x: Any) -> Any:
    """Over one axis; before version 13 over all from `axis` on."""
    if node.version < 13:
        axis = node.get("axis", 1) % x.ndim
        return m.made(op, x.reshape(prod(x.shape[:axis]), -1)).reshape(x.shape)
    return m.made(op, x, axis=node.get("axis", -1))


@operator("Dropout")
def dropped(m: Machine, node: Node, x: Any, ratio: Any = None, training: Any = None) -> Any:
    """The mask is truths, all of them outside training."""
    rate = node.get("ratio", 0.5) if ratio is None else m.number(ratio)
    if training is None or not m.host(training):
        return x, m.array(np.ones(x.shape, bool))
    mask, y = m.empty(x.shape, "uint8"), m.empty(x.shape, x.dtype)
    m.run(dropout.forward, x, y, mask, m.array(np.uint64(0)), m.array(np.uint64(0)), 0, rate)
    return y, m.array(m.host(mask).astype(bool))
