"""Pools over windows and over all places, by the ops behind the layers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from fusegrad.layers.pooling import rounded_up
from fusegrad.ops import axis_map, global_pool, max_pool, resample
from fusegrad.ops.window import Extents, Window
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator
from onnx_suite.windows import window_of


@operator("MaxPool")
def max_pooled(m: Machine, node: Node, x: Any) -> Any:
    """The largest elements, and where they are wanted their places in x seen as one row."""
    window = window_of(node, x.shape[2:], tuple(node.attributes["kernel_shape"]))
    shape = (*x.shape[:2], *places_of(node, window, x.shape[2:]))
    y = m.empty(shape, x.dtype)
    if node.outputs == 1:
        m.run(max_pool.predict, x, y, window=window)
        return y
    taps, indices = m.empty(shape, max_pool.tap_dtype(window)), m.empty(shape, "int64")
    m.run(max_pool.forward_indices, x, y, taps, indices, window=window)
    return y, m.array(in_whole(m.host(indices), x.shape[2:], column_major=bool(node.get("storage_order"))))


def in_whole(indices: np.ndarray, extents: Extents, column_major: bool) -> np.ndarray:
    """Places in planes, counted in C order, as places in the whole array, whose planes may be counted the other way."""
    if column_major:
        indices = np.ravel_multi_index(np.unravel_index(indices, extents), extents, order="F")
    planes = np.arange(prod(indices.shape[:2])).reshape(*indices.shape[:2], *[1] * len(extents))
    return indices + planes * prod(extents)


@operator("AveragePool")
def average_pooled(m: Machine, node: Node, x: Any) -> Any:
    window = window_of(node, x.shape[2:], tuple(node.attributes["kernel_shape"]))
    places = places_of(node, window, x.shape[2:])
    maps = axis_map.window_means(window, x.shape[2:], places, bool(node.get("count_include_pad")))
    return m.made(resample.forward, x, shape=(*x.shape[:2], *places), maps=maps)


@operator("GlobalMaxPool")
def global_max_pooled(m: Machine, node: Node, x: Any) -> Any:
    return m.made(global_pool.predict_largest, x, shape=(*x.shape[:2], *[1] * (x.ndim - 2)))


@operator("GlobalAveragePool")
def global_average_pooled(m: Machine, node: Node, x: Any) -> Any:
    return m.made(global_pool.mean, x, shape=(*x.shape[:2], *[1] * (x.ndim - 2)))


def places_of(node: Node, window: Window, extents: Extents) -> Extents:
    """How many windows there are along each axis."""
    return rounded_up(window, extents) if node.get("ceil_mode") else window.outputs(extents)
