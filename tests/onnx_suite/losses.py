"""SoftmaxCrossEntropyLoss, by the loss of that name and by its parts, and NegativeLogLikelihoodLoss."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.graph import Input, ParamArena, Program
from fusegrad.losses import CrossEntropy
from fusegrad.ops import arithmetic, embedding, gather, log_softmax, reduction
from onnx_suite.elementwise import combined, times
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator


@operator("SoftmaxCrossEntropyLoss")
def cross_entropy(m: Machine, node: Node, x: Any, labels: Any, weight: Any = None) -> Any:
    """The loss, and the logarithms of the softmax where they are wanted."""
    last = m.with_axis(x, 1, -1)
    logarithms = m.made(log_softmax.forward, last)
    if node.get("reduction", "mean") == "mean":
        loss = mean_loss(m, node, last, labels, weight)
    else:
        loss = likelihood(m, node, logarithms, labels, weight)
    return (loss, m.with_axis(logarithms, -1, 1)) if node.outputs > 1 else loss


@operator("NegativeLogLikelihoodLoss")
def negative_likelihood(m: Machine, node: Node, x: Any, labels: Any, weight: Any = None) -> Any:
    return likelihood(m, node, m.with_axis(x, 1, -1), labels, weight)


def mean_loss(m: Machine, node: Node, x: Any, labels: Any, weight: Any) -> Any:
    """By the layer; a label to be ignored that is one of the classes is one of weight 0."""
    classes, ignored = x.shape[-1], node.get("ignore_index")
    weights = None if weight is None else m.host(weight).tolist()
    if ignored is not None and 0 <= ignored < classes:
        weights = [1.0] * classes if weights is None else weights
        weights[ignored], ignored = 0.0, None
    logits, target = Input(x.shape, x.dtype.name), Input(labels.shape, "int64")
    loss = CrossEntropy(weights, ignore_index=ignored)(logits, target)
    program = Program([logits, target], loss, ParamArena([], backend=m.backend.name))
    return program.evaluate(m.host(x), m.host(labels).astype("int64"))[0]


def likelihood(m: Machine, node: Node, logarithms: Any, labels: Any, weight: Any) -> Any:
    """-w log p[label] of logarithms (…, classes), all of them, their sum, or that over the sum of w."""
    counted = m.host(labels) != node.get("ignore_index", np.iinfo("int64").min)
    index = m.array(np.where(counted, m.host(labels), 0), "int64")
    picked = m.made(gather.forward, logarithms, index.reshape(*index.shape, 1), shape=(*index.shape, 1))
    table = m.filled((logarithms.shape[-1], 1), 1.0, logarithms.dtype) if weight is None else weight.reshape(-1, 1)
    weights = m.made(embedding.forward, table, index, shape=(*index.shape, 1))
    weights = combined(m, arithmetic.multiply, weights, m.array(counted.reshape(weights.shape), logarithms.dtype))
    losses = times(m, combined(m, arithmetic.multiply, weights, picked), -1.0)
    kind = node.get("reduction", "mean")
    if kind == "none":
        return losses.reshape(index.shape)
    total = summed(m, losses)
    return total if kind == "sum" else combined(m, arithmetic.divide, total, summed(m, weights))


def summed(m: Machine, x: Any) -> Any:
    return m.made(reduction.total, x, shape=(), axis=tuple(range(x.ndim)), scale=1.0)
