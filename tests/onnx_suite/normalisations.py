"""Normalisations, by the ops behind the layers."""

from __future__ import annotations

from math import prod
from typing import Any

from fusegrad.expr import function
from fusegrad.expr.activations import identity
from fusegrad.ops import batch_norm, group_norm, layer_norm, resample, rms_norm
from fusegrad.ops.axis_map import AxisMap, window_mean
from fusegrad.ops.window import Window
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator


@operator("LayerNormalization")
def layer_normalised(m: Machine, node: Node, x: Any, scale: Any, shift: Any = None) -> Any:
    """Over all axes from `axis` on; beside it mean and 1 / deviation."""
    rows, leading = seen_as_rows(node, x)
    y, mean, rstd = (m.empty(shape, x.dtype) for shape in (rows.shape, rows.shape[:1], rows.shape[:1]))
    gamma, beta = scale.reshape(-1), None if shift is None else shift.reshape(-1)
    m.run(layer_norm.forward, rows, gamma, beta, y, mean, rstd, eps=node.get("epsilon", 1e-5))
    return y.reshape(x.shape), mean.reshape(leading), rstd.reshape(leading)


@operator("RMSNormalization")
def normalised_by_root(m: Machine, node: Node, x: Any, scale: Any) -> Any:
    rows, _ = seen_as_rows(node, x)
    y, rstd = m.empty(rows.shape, x.dtype), m.empty(rows.shape[:1], x.dtype)
    m.run(rms_norm.forward, rows, scale.reshape(-1), y, rstd, eps=node.get("epsilon", 1e-5))
    return y.reshape(x.shape)


def seen_as_rows(node: Node, x: Any) -> tuple[Any, tuple[int, ...]]:
    """x as rows of what is normalised together, and the shape of their statistics."""
    axis = node.get("axis", -1) % x.ndim
    return x.reshape(prod(x.shape[:axis]), -1), (*x.shape[:axis], *[1] * (x.ndim - axis))


@operator("BatchNormalization")
def batch_normalised(m: Machine, node: Node, x: Any, *numbers: Any) -> Any:
    """With the running statistics; in training with those of the batch, which then move the running ones."""
    scale, shift, mean, variance = numbers
    y, eps = m.empty(x.shape, x.dtype), node.get("epsilon", 1e-5)
    if not node.get("training_mode"):
        m.run(batch_norm.predict(identity), x, scale, shift, y, mean, variance, eps=eps)
        return y
    moved = {"running_mean": mean.copy(), "running_var": variance.copy()}
    statistics = {"mean": m.empty(mean.shape, mean.dtype), "rstd": m.empty(mean.shape, mean.dtype)}
    options = {"momentum": 1 - node.get("momentum", 0.9), "eps": eps, "exchange": None}
    m.run(batch_norm.forward(identity), x=x, weight=scale, bias=shift, y=y, **statistics, **moved, **options)
    biased = biased_variance(options["momentum"], prod(x.shape) // x.shape[1])
    return y, moved["running_mean"], m.applied(biased, variance, moved["running_var"])


@operator("GroupNormalization")
def normalised_by_groups(m: Machine, node: Node, x: Any, scale: Any, shift: Any) -> Any:
    return by_groups(m, node, x, scale, shift, node.attributes["num_groups"])


@operator("InstanceNormalization")
def normalised_by_planes(m: Machine, node: Node, x: Any, scale: Any, shift: Any) -> Any:
    return by_groups(m, node, x, scale, shift, x.shape[1])


def by_groups(m: Machine, node: Node, x: Any, scale: Any, shift: Any, groups: int) -> Any:
    y, eps = m.empty(x.shape, x.dtype), node.get("epsilon", 1e-5)
    mean, rstd = (m.empty((x.shape[0], groups), x.dtype) for _ in range(2))
    m.run(group_norm.forward(identity), x=x, weight=scale, bias=shift, y=y, mean=mean, rstd=rstd, eps=eps)
    return y


@operator("MeanVarianceNormalization")
def normalised_over_batch(m: Machine, node: Node, x: Any) -> Any:
    """As a batch is in training; ValueError for axes other than all but the channels."""
    axes = node.get("axes", [0, 2, 3])
    if axes != [axis for axis in range(x.ndim) if axis != 1]:
        raise ValueError(f"MeanVarianceNormalization expects all axes but the channels, got {axes}")
    names = ("mean", "rstd", "running_mean", "running_var")
    numbers = {name: m.filled((x.shape[1],), 0.0, x.dtype) for name in names}
    options = {"momentum": 0.0, "eps": 0.0, "exchange": None}
    y = m.empty(x.shape, x.dtype)
    m.run(batch_norm.forward(identity), x=x, weight=None, bias=None, y=y, **numbers, **options)
    return y


def biased_variance(momentum: float, count: int) -> Any:
    """From a running variance that was moved by an unbiased one to what ONNX makes of the biased one."""
    kept, share = 1 - momentum, (count - 1) / count
    return function(lambda old, new: kept * old + share * (new - kept * old), name="biased_variance")


@operator("LRN")
def normalised_by_neighbours(m: Machine, node: Node, x: Any) -> Any:
    """x / (bias + alpha · the mean of the squares of `size` channels around it, missing ones being 0) ^ beta."""
    size, alpha, beta, bias = (node.get(*item) for item in LRN)
    squares = m.applied(function(lambda x: x * x, name="square"), x).reshape(x.shape[0], 1, x.shape[1], -1)
    channels, places = squares.shape[2:]
    window = Window((size,), (1,), (1,), (((size - 1) // 2, size // 2),))
    maps = window_mean(window, 0, channels, channels, True), AxisMap(places, tuple(((i, 1.0),) for i in range(places)))
    means = m.made(resample.forward, squares, maps=maps).reshape(x.shape)
    return m.applied(function(lambda x, mean: x / (bias + alpha * mean) ** beta, name="lrn"), x, means)


LRN = (("size",), ("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
