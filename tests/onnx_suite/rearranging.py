"""Pad, CenterCropPad, DepthToSpace and back: elements that are moved, repeated or left out."""

from __future__ import annotations

from typing import Any

from fusegrad.ops import pad, pixel_shuffle
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator
from onnx_suite.shaping import axes_of
from onnx_suite.windows import Pairs, paired


@operator("Pad")
def padded(m: Machine, node: Node, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    """Pads and the constant are inputs since version 11, for some of the axes alone since 18."""
    given = paired(m.whole(node.attributes["pads"] if pads is None else pads))
    along = axes_of(m, node, axes, x.ndim) or list(range(x.ndim))
    by_axis = dict(zip(along, given, strict=True))
    pairs = tuple(by_axis.get(axis, (0, 0)) for axis in range(x.ndim))
    constant = node.get("value", 0.0) if value is None else m.number(value)
    return padded_by(m, x, pairs, node.get("mode", "constant"), constant)


@operator("CenterCropPad")
def centered(m: Machine, node: Node, x: Any, shape: Any) -> Any:
    """As much on both sides, where that comes out odd one more behind."""
    along = axes_of(m, node, None, x.ndim) or list(range(x.ndim))
    wanted = dict(zip(along, m.whole(shape), strict=True))
    more = [wanted.get(axis, extent) - extent for axis, extent in enumerate(x.shape)]
    before = [int(number / 2) for number in more]
    return padded_by(m, x, tuple((half, number - half) for half, number in zip(before, more, strict=True)))


def padded_by(m: Machine, x: Any, pairs: Pairs, mode: str = "constant", value: float = 0.0) -> Any:
    shape = [extent + before + behind for extent, (before, behind) in zip(x.shape, pairs, strict=True)]
    return m.made(pad.forward, x, shape=shape, pads=pairs, mode=mode, value=value)


@operator("DepthToSpace")
def depth_to_space(m: Machine, node: Node, x: Any) -> Any:
    """Offsets are the slower part of the channels in mode DCR, the faster one, as in the layer, in mode CRD."""
    factor = node.attributes["blocksize"]
    batch, channels, *extents = x.shape
    if node.get("mode", "DCR") == "DCR":
        x = m.with_axis(x.reshape(batch, factor**2, -1, *extents), 1, 2).reshape(x.shape)
    shape = batch, channels // factor**2, *(extent * factor for extent in extents)
    return m.made(pixel_shuffle.shuffle, x, shape=shape, factor=factor)


@operator("SpaceToDepth")
def space_to_depth(m: Machine, node: Node, x: Any) -> Any:
    factor = node.attributes["blocksize"]
    batch, channels, *fine = x.shape
    extents = tuple(extent // factor for extent in fine)
    shape = batch, channels * factor**2, *extents
    y = m.made(pixel_shuffle.unshuffle, x, shape=shape, factor=factor)
    if node.get("mode", "DCR") == "CRD":
        return y
    return m.with_axis(y.reshape(batch, channels, factor**2, *extents), 2, 1).reshape(shape)
